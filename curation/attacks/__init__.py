"""Attacks: adversarial images near the given ones, most of them found through a model's gradient."""

from curation.attacks.apgd import APGD, APGDTargeted
from curation.attacks.bim import BIM
from curation.attacks.carlini_wagner import CarliniWagner
from curation.attacks.deepfool import DeepFool
from curation.attacks.fgsm import FGSM
from curation.attacks.gaussian import Gaussian
from curation.attacks.mim import MIM
from curation.attacks.pgd import PGD
from curation.attacks.square import Square
from curation.attacks.style_transfer import StyleTransfer
from curation.attacks.transfer import Transfer
from curation.plugin import Registry

ATTACKS = Registry(
    "attack",
    (
        FGSM,
        BIM,
        MIM,
        PGD,
        APGD,
        APGDTargeted,
        DeepFool,
        CarliniWagner,
        Square,
        Gaussian,
        StyleTransfer,
        Transfer,
    ),
)

__all__ = [
    "APGD",
    "ATTACKS",
    "BIM",
    "FGSM",
    "MIM",
    "PGD",
    "APGDTargeted",
    "CarliniWagner",
    "DeepFool",
    "Gaussian",
    "Square",
    "StyleTransfer",
    "Transfer",
]
