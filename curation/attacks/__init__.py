"""Attacks: adversarial images near the given ones, most of them found through a model's gradient."""

from curation.attacks.apgd import APGD, APGDTargeted
from curation.attacks.bim import BIM
from curation.attacks.fgsm import FGSM
from curation.attacks.gaussian import Gaussian
from curation.attacks.mim import MIM
from curation.attacks.pgd import PGD
from curation.attacks.square import Square
from curation.attacks.transfer import Transfer
from curation.plugin import Registry

ATTACKS = Registry("attack", (FGSM, BIM, MIM, PGD, APGD, APGDTargeted, Square, Gaussian, Transfer))

__all__ = ["APGD", "ATTACKS", "BIM", "FGSM", "MIM", "PGD", "APGDTargeted", "Gaussian", "Square", "Transfer"]
