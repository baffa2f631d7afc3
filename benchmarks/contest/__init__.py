"""Estimators on data sets: halves to learn from and to be judged by, results, standings."""
