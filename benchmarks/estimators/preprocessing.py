"""The usual preprocessing, learned from the training rows, for estimators that ask for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

NUMBERS = make_column_selector(dtype_include=["number", "bool"])
WORDS = make_column_selector(dtype_exclude=["number", "bool"])


def numbers_only() -> ColumnTransformer:
    """Median with indicator and standardised for numbers, one column for each word."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer([("words", words, WORDS), ("numbers", numbers, NUMBERS)])


def without_gaps() -> ColumnTransformer:
    """A table again: median with indicator for numbers, a word of its own for a missing word."""
    numbers = SimpleImputer(strategy="median", add_indicator=True)
    words = SimpleImputer(strategy="constant", fill_value="missing")
    columns = ColumnTransformer(
        [("words", words, WORDS), ("numbers", numbers, NUMBERS)], verbose_feature_names_out=False
    )
    return columns.set_output(transform="pandas")


def codes_of_words(most: int) -> ColumnTransformer:
    """Words as codes, at most so many to a column, and numbers as they are."""
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=most,
    )
    columns = ColumnTransformer(
        [("words", codes, WORDS), ("numbers", "passthrough", NUMBERS)],
        verbose_feature_names_out=False,
    )
    return columns.set_output(transform="pandas")


def words_of(X: pd.DataFrame) -> list[str]:
    """The names of the columns of words."""
    found: list[str] = WORDS(X)
    return found
