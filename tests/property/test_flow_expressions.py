"""An expression over columns says of every row what it says of the row alone, or is not made at all."""

import ast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tickwright.systems.flows.expr import compile_expr
from tickwright.systems.flows.expr_columns import over_columns

TYPES = {"n": "i32", "small": "i8", "x": "f32", "y": "f64", "flag": "bool"}
NUMBERS = st.sampled_from(["n", "small", "x", "y", "context.n", "0", "1", "2", "-3", "0.1", "0.5", "2147483647"])


def numbers(inner):
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        inner.map(lambda one: f"(-{one})"),
    )


SUMS = st.recursive(NUMBERS, numbers, max_leaves=4)
COMPARED = st.tuples(SUMS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), SUMS).map(" ".join)
CHAINED = st.tuples(COMPARED, SUMS).map(lambda p: f"{p[0]} < {p[1]}")
TRUTHS = st.recursive(
    st.one_of(COMPARED, CHAINED, st.just("flag")),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map(lambda p: f"({''.join(p)})"),
        inner.map(lambda one: f"(not {one})"),
    ),
    max_leaves=3,
)
ROWS = st.lists(
    st.tuples(
        st.integers(-(2**31), 2**31 - 1) | st.integers(-3, 3),
        st.integers(-128, 127),
        st.floats(-10, 10, width=32),
        st.floats(-1e9, 1e9),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@given(TRUTHS, ROWS)
def test_columns_say_what_rows_say(text, rows):
    code, tree = compile_expr(text, "here")
    columnar = over_columns(tree, TYPES)
    if columnar is None:
        return
    dtypes = (np.int32, np.int8, np.float32, np.float64, np.bool_)
    columns = {
        name: np.array([row[i] for row in rows], dtype)
        for i, (name, dtype) in enumerate(zip(TYPES, dtypes, strict=True))
    }
    answers = np.broadcast_to(columnar(columns), len(rows)).tolist()
    for position, answer in enumerate(answers):
        context = {name: column[position].item() for name, column in columns.items()}
        assert bool(code((context, {}))) == answer


def test_what_could_wrap_or_differ_is_left_to_the_scalar_expression():
    for text in (
        "n * n * n > 1",
        "n / 2 > 1",
        "n > None",
        "n in (1, 2)",
        "missing > 1",
        "n and 1",
        "event.user == 'a'",
    ):
        assert over_columns(ast.parse(text, mode="eval").body, TYPES) is None
    for text in ("n * 2 > 1", "flag", "not flag", "0 < x < 1", "n > 1 or x > 2"):
        assert over_columns(ast.parse(text, mode="eval").body, TYPES) is not None
