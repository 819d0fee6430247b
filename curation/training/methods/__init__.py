"""Training methods: how a network learns from a batch, on clean or on perturbed images."""

from curation.plugin import Registry
from curation.training.methods.adversarial import Adversarial
from curation.training.methods.base import Method, Network
from curation.training.methods.consistent import Consistent
from curation.training.methods.cooperative import Cooperative
from curation.training.methods.free import Free
from curation.training.methods.plain import Plain
from curation.training.methods.trades import Trades
from curation.training.methods.two_phase import TwoPhase

METHODS: Registry[Method] = Registry(
    "training method", (Plain, Adversarial, TwoPhase, Trades, Free, Cooperative, Consistent)
)

__all__ = ["METHODS", "Method", "Network"]
