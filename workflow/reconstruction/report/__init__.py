"""What people look at: tables, figures, charts and pages."""
