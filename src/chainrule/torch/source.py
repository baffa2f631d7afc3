"""A network as a script that makes it in PyTorch, and needs nothing else."""

from __future__ import annotations

from chainrule.activations import ACTIVATIONS
from chainrule.errors import InvalidValue
from chainrule.network import Layer, Network
from chainrule.torch.layers import LOGITS, MODULES

_PREDICT = {
    "logistic": ("(u > 0).long(){squeeze}", "the class: σ(u) > ½ where u > 0"),
    "softmax": ("u.argmax(dim=-1)", "the class: the largest probability has the largest logit"),
    "exponential": ("u.exp()", "the mean: exp is what the loss applies itself"),
    "identity": ("u", "the numbers"),
}


def source(network: Network, weights: str | None = None) -> str:
    """The script.

    Args:
        network: any whose activations are the library's.
        weights: the name of a file with the module's state_dict, which the script is to load; the
            numbers stand in the script without it.

    Raises:
        InvalidValue: an activation is not the library's.
    """
    for layer in network.layers:
        if ACTIVATIONS.get(layer.activation.name) is not layer.activation:
            raise InvalidValue(
                f"PyTorch has no twin of your own activation {layer.activation.name!r}"
            )
    last = network.activations[-1]
    link = last if last in LOGITS else "identity"
    returned, why = _PREDICT[link]
    squeeze = ".squeeze(-1)" if network.sizes[-1] == 1 else ""
    lines = [
        '"""A network of layers ' + f'{"-".join(map(str, network.sizes))}, as chainrule has it."""',
        "",
        "import torch",
        "from torch import nn",
        "",
        "",
        "class Net(nn.Module):",
        "    def __init__(self):",
        "        super().__init__()",
        *(f"        {line}" for line in _layers(network)),
        "",
        "    def forward(self, x):",
        *(f"        {line}" for line in _forward(network, link)),
        "",
        "    @torch.no_grad()",
        "    def predict(self, x):",
        "        u = self(x)",
        f"        return {returned.format(squeeze=squeeze)}  # {why}",
        "",
        "",
        "net = Net()",
        *_weights(network, weights),
    ]
    return "\n".join(lines) + "\n"


def _layers(network: Network) -> list[str]:
    dtype = ", dtype=torch.float64" if network.dtype == "float64" else ""
    return [
        f"self.fc{i} = nn.Linear({layer.inputs}, {layer.outputs}{dtype})"
        for i, layer in enumerate(network.layers, start=1)
    ]


def _forward(network: Network, link: str) -> list[str]:
    """u and z of each layer in turn, as the lecture writes them."""
    lines, z = [], "x"
    for i, layer in enumerate(network.layers, start=1):
        lines.append(f"u = self.fc{i}({z})")
        is_last = i == len(network.layers)
        if is_last and link != "identity":
            break
        lines.append(f"z = {_call(layer)}")
        z = "z"
    said = {"identity": "", "logistic": "  # the logit: BCEWithLogitsLoss applies σ",
            "softmax": "  # the logits: CrossEntropyLoss applies the softmax",
            "exponential": "  # the logarithm of the mean: PoissonNLLLoss applies exp"}  # fmt: skip
    return [*lines, f"return {'z' if link == 'identity' else 'u'}{said[link]}"]


def _call(layer: Layer) -> str:
    name = layer.activation.name
    if name == "identity":
        return "u"
    if name == "exponential":
        return "torch.exp(u)"
    module, settings = MODULES[name]
    given = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    return f"nn.{module}({given})(u)"


def _weights(network: Network, weights: str | None) -> list[str]:
    if weights is not None:
        return [f"net.load_state_dict(torch.load({weights!r}))"]
    lines = ["with torch.no_grad():"]
    for i, layer in enumerate(network.layers, start=1):
        dtype = f"torch.{network.dtype}"
        rows = ",\n".join(f"        {row}" for row in layer.W.T.tolist())
        lines += [
            f"    net.fc{i}.weight[:] = torch.tensor([\n{rows},\n    ], dtype={dtype})",
            f"    net.fc{i}.bias[:] = torch.tensor({layer.b.tolist()}, dtype={dtype})",
        ]
    return lines
