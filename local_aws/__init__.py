"""AWS on a laptop: moto for the control plane, a data plane of ours that really runs things."""
