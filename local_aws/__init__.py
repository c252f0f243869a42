"""AWS on a laptop: moto is the control plane; the data plane here runs jobs, models and functions."""
