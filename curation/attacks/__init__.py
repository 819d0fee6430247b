"""Attacks: adversarial images near the given ones, found through a model's gradient."""

from curation.attacks.fgsm import FGSM
from curation.attacks.pgd import PGD
from curation.plugin import Registry

ATTACKS = Registry("attack", (PGD, FGSM))

__all__ = ["ATTACKS", "FGSM", "PGD"]
