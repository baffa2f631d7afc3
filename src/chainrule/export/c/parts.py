"""The functions that such files are made of; @ stands for a file's prefix."""

from __future__ import annotations

from chainrule.activations import LEAKY_SLOPE, SELU_ALPHA, SELU_SCALE
from chainrule.tables.features import RISE
from chainrule.tables.scaling import SMOOTH

_PARTS = {
    "filled": """
static double @filled(double v, double fill, int *gap)
{
    *gap = isnan(v);
    return *gap ? fill : v;
}
""",
    "smooth": """
static double @smooth(double z)
{
    return z / sqrt(1 + (z / LIMIT) * (z / LIMIT));
}
""",
    "bins": """
/* A column for each bin, which rises over it. */
static @real *@bins(double v, const double *edges, int bins, @real *x)
{
    for (int j = 0; j < bins; ++j) {
        const double t = (v - edges[j]) / (edges[j + 1] - edges[j]);
        *x++ = (@real)(RISE * ((t < 0 ? 0 : t > 1 ? 1 : t) - 0.5));
    }
    return x;
}
""",
    "category": """
static int @same(const char *a, const char *b)
{
    while (*a && *a == *b)
        ++a, ++b;
    return *a == *b;
}

/* A column for each value, then for others, then for missing ones, if there is one for them. */
static @real *@category(const char *text, const char *const *values, int count, int other, int missing, @real *x)
{
    int place = 0;
    while (place < count && text && !@same(text, values[place]))
        ++place;
    if (!text && missing)
        place = count + other;
    else if ((!text || place == count) && !other)
        place = -1;
    else if (!text)
        place = count;
    for (int j = 0; j < count + other + missing; ++j)
        *x++ = j == place;
    return x;
}
""",
    "turn": """
/* A share of a turn as a point of the circle. */
static @real *@turn(double share, @real *x)
{
    *x++ = (@real)sin(6.283185307179586 * share);
    *x++ = (@real)cos(6.283185307179586 * share);
    return x;
}
""",
    "month": """
/* The month from 0, of days since 1970-01-01: Hinnant's civil_from_days, in years from March. */
static double @month(double days)
{
    const double z = floor(days) + 719468, d = z - 146097 * floor(z / 146097);
    const double y = floor((d - floor(d / 1460) + floor(d / 36524) - floor(d / 146096)) / 365);
    const double m = floor((5 * (d - (365 * y + floor(y / 4) - floor(y / 100))) + 2) / 153) + 2;
    return m - 12 * floor(m / 12);
}
""",
    "weekday": """
static double @weekday(double days)
{
    const double d = floor(days) + 3; /* 1970-01-01 was a Thursday */
    return d - 7 * floor(d / 7);
}
""",
    "dense": """
/* u = xW + b; W and b stand one after the other in w. */
static const @real *@dense(const @real *restrict x, int inputs, const @real *restrict w,
                             @real *restrict u, int outputs)
{
    const @real *b = w + inputs * outputs;
    for (int j = 0; j < outputs; ++j)
        u[j] = b[j];
    for (int i = 0; i < inputs; ++i, w += outputs)
        for (int j = 0; j < outputs; ++j)
            u[j] += x[i] * w[j];
    return b + outputs;
}
""",
    "add": """
static void @add(double *sum, double share, const @real *z, int count)
{
    for (int j = 0; j < count; ++j)
        sum[j] += share * z[j];
}
""",
    "ascending": """
static void @ascending(@real *z, int count)
{
    for (int i = 1; i < count; ++i)
        for (int j = i; j > 0 && z[j] < z[j - 1]; --j) {
            const @real higher = z[j - 1];
            z[j - 1] = z[j];
            z[j] = higher;
        }
}
""",
    "days": """
double @days(int year, int month, int day)
{
    const double y = year - (month <= 2), m = month > 2 ? month - 3 : month + 9;
    const double era = floor(y / 400), of_era = y - 400 * era;
    const double of_year = floor((153 * m + 2) / 5) + day - 1;
    return 146097 * era + 365 * of_era + floor(of_era / 4) - floor(of_era / 100) + of_year - 719468;
}
""",
}

_VALUES = {  # of each activation but the identity and softmax
    "relu": "u < 0 ? 0 : u",
    "leaky_relu": f"u < 0 ? {LEAKY_SLOPE!r} * u : u",
    "logistic": "u < 0 ? exp(u) / (1 + exp(u)) : 1 / (1 + exp(-u))",
    "tanh": "tanh(u)",
    "softplus": "(u < 0 ? 0 : u) + log1p(exp(-fabs(u)))",
    "elu": "u < 0 ? expm1(u) : u",
    "selu": f"{SELU_SCALE!r} * (u < 0 ? {SELU_ALPHA!r} * expm1(u) : u)",
    "gelu": "u * erfc(-u / 1.4142135623730951) / 2",
    "silu": "u * (u < 0 ? exp(u) / (1 + exp(u)) : 1 / (1 + exp(-u)))",
    "mish": "u * tanh((u < 0 ? 0 : u) + log1p(exp(-fabs(u))))",
    "exponential": "exp(u)",
}
_SOFTMAX = """
static void @softmax(@real *z, int count)
{
    double largest = z[0], sum = 0;
    for (int j = 1; j < count; ++j)
        largest = z[j] > largest ? z[j] : largest;
    for (int j = 0; j < count; ++j)
        sum += z[j] = exp(z[j] - largest);
    for (int j = 0; j < count; ++j)
        z[j] /= sum;
}
"""

ORDER = [*_PARTS, *_VALUES, "softmax"]  # in which each stands before what uses it


def part(name: str, prefix: str) -> str:
    """A function by its name: a part of the encoding, or an activation, applied in place."""
    text = _PARTS[name] if name in _PARTS else _SOFTMAX if name == "softmax" else _pointwise(name)
    return (
        text.replace("RISE", repr(RISE)).replace("LIMIT", repr(SMOOTH)).replace("@", f"{prefix}_")
    )


def _pointwise(phi: str) -> str:
    return f"""
static void @{phi}(@real *z, int count)
{{
    for (int j = 0; j < count; ++j) {{
        const double u = z[j];
        z[j] = {_VALUES[phi]};
    }}
}}
"""
