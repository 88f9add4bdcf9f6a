"""The gradient search: restarts that minimise the KKT loss of Haim et al. 2022, equation 5."""
