"""Networks in Caraval's own files: described, never executed, with their weights beside."""

from __future__ import annotations

import json

import numpy as np
import pytest

import caraval as cv

from .networks import SIZES, STEP, bunch, correction, line, module

pytest.importorskip("safetensors")


def saved(lattice: cv.Lattice, folder) -> dict:
    cv.save(lattice, folder / "line.json")
    return json.loads((folder / "line.json").read_text())


@pytest.fixture
def own() -> cv.Lattice:
    """Return a line with everything that a file describes whole."""
    corrected = cv.NeuralElement.perceptron(
        (4, 3), "sin", name="p", base=cv.Quadrupole(name="q1", length=0.2, k1=3.0), sees={"k1": 2.0}, scale=SIZES, seed=4
    )
    alone = cv.NeuralElement.perceptron((4,), name="m", acts_on="moments", output_scale=STEP)
    return cv.Lattice([corrected, alone, cv.SymplecticNetwork(name="s", nodes=3, scale=SIZES), cv.Drift(length=1.0)])


def test_what_is_described_whole_comes_back(own, tmp_path):
    written = saved(own, tmp_path)
    assert written["tensors"] == "line.safetensors"
    assert {path.name for path in tmp_path.iterdir()} == {"line.json", "line.safetensors"}
    back = cv.load(tmp_path / "line.json")
    assert back == own
    assert back["p"].base == own["p"].base
    assert back["p"].network.activation == "sin"
    assert np.array_equal(back[:1].track(bunch()).x, own[:1].track(bunch()).x)


def test_weights_come_back_to_their_library(own, differentiable, tmp_path, to_numpy):
    there = own.to(differentiable)
    saved(there, tmp_path)
    back = cv.load(tmp_path / "line.json")
    assert back == there
    array = back["s"].weights["biases"]
    assert type(array).__module__.startswith(differentiable)
    assert array.dtype == there["s"].weights["biases"].dtype


def test_equal_weights_are_there_once(own, tmp_path):
    from safetensors.numpy import load_file

    saved(cv.Lattice([own["s"], own["s"].replace(name="t")]), tmp_path)
    assert len(load_file(tmp_path / "line.safetensors")) == 4


@pytest.mark.parametrize("key", ["nn", "class"])
def test_modules_that_are_given(differentiable, tmp_path, to_numpy, key):
    lattice = line(correction(differentiable))
    written = saved(lattice, tmp_path)
    with pytest.raises(cv.LatticeError, match=r"line\.json:\d+:\d+: NeuralElement 'nn' has a network of class .*modules="):
        cv.load(tmp_path / "line.json")
    key = key if key == "nn" else written["elements"]["nn"]["network"]["class"]
    other = module(differentiable)
    if differentiable == "torch":
        for parameter in other.parameters():
            parameter.detach().zero_()
    else:
        other = (other[0], {name: 0 * value for name, value in other[1].items()})
    back = cv.load(tmp_path / "line.json", modules={key: other})
    assert np.array_equal(to_numpy(back.track(bunch(differentiable)).x), to_numpy(lattice.track(bunch(differentiable)).x))
    if differentiable == "torch":
        assert back["nn"].module is other
        assert back["nn"].weights["first"] is other.first


def test_weights_in_trees_as_those_of_flax(tmp_path):
    jax = pytest.importorskip("jax")
    jnp = jax.numpy

    def apply(variables, values):
        dense = variables["params"]["Dense_0"]
        return values @ dense["kernel"] + dense["bias"]

    start = {"params": {"Dense_0": {"kernel": 2 * jnp.eye(6), "bias": jnp.zeros(6)}}}
    lattice = cv.Lattice([cv.NeuralElement(name="nn", module=(apply, start))])
    written = saved(lattice, tmp_path)
    assert list(written["elements"]["nn"]["weights"]) == ["params.Dense_0.bias", "params.Dense_0.kernel"]
    back = cv.load(tmp_path / "line.json", modules={"nn": (apply, jax.tree.map(jnp.zeros_like, start))})
    assert jax.tree.all(jax.tree.map(jnp.array_equal, back["nn"].module[1], start))
    assert np.allclose(back.track(bunch("jax")).x, 2 * bunch().x, rtol=1e-14)


def test_state_that_is_not_trained_is_saved_as_well(tmp_path):
    torch = pytest.importorskip("torch")

    def normalised():
        return torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.BatchNorm1d(6)).double()

    net = normalised()
    net(torch.randn(20, 6, dtype=torch.float64))
    net.eval()
    lattice = cv.Lattice([cv.NeuralElement(name="nn", module=net)])
    saved(lattice, tmp_path)
    other = normalised().eval()
    back = cv.load(tmp_path / "line.json", modules={"nn": other})
    assert torch.equal(other[1].running_mean, net[1].running_mean)
    assert torch.equal(back.track(bunch("torch")).x, lattice.track(bunch("torch")).x)


def test_modules_of_another_architecture(differentiable, tmp_path):
    saved(line(correction(differentiable)), tmp_path)
    with pytest.raises(cv.LatticeError, match=r"first|second"):
        cv.load(tmp_path / "line.json", modules={"nn": module(differentiable, 6, 5)})
    with pytest.raises(cv.LatticeError, match=r"module must be"):
        cv.load(tmp_path / "line.json", modules={"nn": "networks.Net"})


def test_options_of_other_readers(tmp_path):
    path = tmp_path / "a.bmad"
    path.write_text("d: drift, l = 1\nl: line = (d)\nuse, l\nparameter[p0c] = 1e8\n")
    with pytest.raises(cv.UnknownNameError, match="format 'bmad' has no option 'modules'"):
        cv.load(path, modules={})


def test_other_formats_say_that_they_cannot_carry_it(own, tmp_path):
    whole = own.replace(reference=cv.Reference("electron", p0c=1e8))
    with pytest.raises(cv.LatticeError, match="NeuralElement"):
        cv.save(whole, tmp_path / "line.bmad")


CHANGES = {
    "../line.safetensors": ("line.safetensors", "tensors are in a file of the same folder"),
    '"$tensor": "p.0.bia"': ('"$tensor": "p.0.bias"', r"there is no tensor .*did you mean 'p\.0\.bias'"),
    '"$tensor": 3': ('"$tensor": "p.0.bias"', "a tensor has a name"),
    '"backend": "tensorflow"': ('"backend": "numpy"', "unknown backend 'tensorflow'"),
    '"architecture": "os.system"': ('"architecture": "perceptron"', "which no file can make"),
    '"sizes": [7, -4, 3, 6]': ('"sizes": [7, 4, 3, 6]', "sizes must be two or more"),
    '"sizes": [7, 5, 3, 6]': ('"sizes": [7, 4, 3, 6]', r"must have shape \(5, 7\), not \(4, 7\)"),
    '"activation": "exec"': ('"activation": "sin"', "activation must be one of"),
    '"$element": 3': ('"$element": {"name": "q1", "kind": "Quadrupole", "length": 0.2, "k1": 3.0}', "an element is an object"),
}  # fmt: skip


@pytest.mark.parametrize("new", CHANGES)
def test_files_that_make_no_sense(own, tmp_path, new):
    saved(own, tmp_path)
    path, (old, message) = tmp_path / "line.json", CHANGES[new]
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(cv.LatticeError, match=rf"line\.json:\d+:\d+: .*{message}"):
        cv.load(path)


def test_a_file_beside_that_is_none(own, tmp_path):
    saved(own, tmp_path)
    (tmp_path / "line.safetensors").rename(tmp_path / "other.safetensors")
    with pytest.raises(cv.LatticeError, match=r"line\.safetensors: this is no file"):
        cv.load(tmp_path / "line.json")
    (tmp_path / "line.safetensors").write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(cv.LatticeError, match="this is no file of tensors"):
        cv.load(tmp_path / "line.json")


def test_weights_that_are_no_numbers(own, tmp_path):
    weights = {**own["s"].weights, "biases": np.full(3, np.nan)}
    with pytest.raises(cv.LatticeError, match=r"s\.biases must be finite"):
        cv.save(own.replace({"s.weights": weights}), tmp_path / "line.json")
    assert list(tmp_path.iterdir()) == []
