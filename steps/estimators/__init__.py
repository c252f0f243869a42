"""The estimators that TrainRecommended can fit; `recipes` lists them by name."""
