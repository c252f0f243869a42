"""The estimators that TrainRecommended can fit; `recipes` maps their names to them."""
