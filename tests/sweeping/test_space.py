"""The space of a sweep: what may stand in it, and what is said of what may not."""

import pytest

from chainrule.errors import ChainruleError, MissingFile
from chainrule.sweeping.space import DEFAULT, Choice, Range, Space


def written(tmp_path, text):
    path = tmp_path / "space.toml"
    path.write_text(text)
    return path


def test_the_usual_space_has_what_a_network_is_made_of():
    space = Space.of()
    assert set(space.tried) == {
        "depth", "width", "activation", "optimizer", "learning_rate", "dropout", "weight_decay",
    }  # fmt: skip
    assert Space.of(space.plain()) == space


def test_a_file_has_ranges_choices_and_fixed_values(tmp_path):
    text = """
        depth = {from = 0, to = 3}
        width = {from = 8, to = 512, log = true}
        activation = ["relu", "tanh"]
        batch_size = 64
        dropout = [0.1]
    """
    space = Space.of(written(tmp_path, text))
    assert space.tried == {
        "depth": Range(0, 3, log=False, whole=True),
        "width": Range(8, 512, log=True, whole=True),
        "activation": Choice(("relu", "tanh")),
    }
    assert space.fixed == {"batch_size": 64, "dropout": 0.1}
    settings = space.settings({"depth": 2, "width": 30, "activation": "tanh"})
    assert settings == {
        "hidden": (30, 30), "activation": "tanh", "batch_size": 64, "dropout": 0.1,
    }  # fmt: skip
    assert space.settings({"depth": 0, "width": 30, "activation": "tanh"})["hidden"] == ()


def test_hidden_layers_are_given_as_texts():
    space = Space.of({"hidden": ["20,40,20", "", "64"]})
    assert space.settings({"hidden": "20,40,20"}) == {"hidden": (20, 40, 20)}
    assert space.settings({"hidden": ""}) == {"hidden": ()}


def test_the_recipe_is_no_optimizer_that_an_estimator_is_told():
    space = Space.of({"optimizer": ["recipe", "adamw"]})
    assert space.settings({"optimizer": "recipe"}) == {}
    assert space.settings({"optimizer": "adamw"}) == {"optimizer": "adamw"}


def test_a_sweep_begins_with_what_an_estimator_does_where_that_lies_in_the_space():
    usual = Space.of().usual(rows=2000, regression=False)
    assert usual == {
        "depth": 3, "width": 128, "activation": "relu", "optimizer": "recipe",
        "learning_rate": 0.08, "dropout": 0.1, "weight_decay": 0.02,
    }  # fmt: skip
    assert Space.of({"width": [8, 16], "depth": 2}).usual(2000, False) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("learning_rates = [0.1, 0.2]", "no setting of a sweep is called 'learning_rates'; did you mean 'learning_rate'"),
        ("depth = [1, 2]", "depth and width go together"),
        ("hidden = ['8', '9']\ndepth = 2\nwidth = 3", "leave out depth and width"),
        ("hidden = [64, 32]", 'hidden is sizes with commas between, as "64,64"; got 64'),
        ("hidden = ['64x']", "hidden layers are sizes with commas between"),
        ("activation = ['relu', 'tan']", "no activation is called 'tan'; did you mean 'tanh'"),
        ("activation = ['relu', 'softmax']", "softmax is there for the output layer only"),
        ("optimizer = ['adam', 'lbfgs']", "lbfgs has no epochs of batches"),
        ("optimizer = ['momentum', 'adam']\nweight_decay = [0.1, 0.2]", "no option of momentum is called 'weight_decay'"),
        ("learning_rate = {from = 0.1, to = 0.01}", "goes from 0.1 down to 0.01"),
        ("learning_rate = {from = 0.0, to = 0.01}", "learning_rate, from, is a number above 0, got 0.0"),
        ("dropout = {from = 0, to = 0.5, log = true}", "the range of dropout is logarithmic: it begins above 0, not at 0"),
        ("dropout = {from = 0, to = 1}", "dropout, to, is a number from 0 to below 1, got 1"),
        ("dropout = {from = 0}", "the range of dropout has a from and a to"),
        ("dropout = {low = 0, to = 0.4}", "no part of the range of dropout is called 'low'"),
        ("dropout = {from = 0, to = 0.4, log = 1}", "log of dropout is true or false, got 1"),
        ("activation = {from = 1, to = 2}", "activation has no range"),
        ("batch_size = [0, 16]", "batch_size is a whole number, 1 or more, got 0"),
        ("batch_size = [16.5, 8]", "batch_size is a whole number, 1 or more, got 16.5"),
        ("batch_size = [16, 16]", "batch_size is a choice of different values"),
        ("batch_size = []", "batch_size is a choice of different values"),
        ("batch_size = true", "batch_size is a whole number, 1 or more, got True"),
        ("batch_size = 16", "every setting of the space is fixed"),
        ("", "every setting of the space is fixed"),
        ("batch_size = ", "not TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_file_before_it(tmp_path, text, words):
    path = written(tmp_path, text)
    with pytest.raises(ChainruleError) as refused:
        Space.of(path)
    assert words in str(refused.value)
    assert str(refused.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(MissingFile, match=r"no such file: .*none\.toml"):
        Space.of(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ChainruleError, match="not TOML"):
        Space.of(tmp_path / "bytes.toml")


def test_each_choice_and_each_end_is_among_the_extremes():
    space = Space.of(DEFAULT)
    found = list(space.extremes())
    assert {each["activation"] for each in found} == set(DEFAULT["activation"])
    assert {each["learning_rate"] for each in found} == {1e-4, 1.0}
