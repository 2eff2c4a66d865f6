"""Training: ``ObjectiveTrainer`` for your own model and data, ``run`` for a configuration."""

from dicetune.training.config import RunConfig
from dicetune.training.run import run
from dicetune.training.trainer import NonFiniteLossError, ObjectiveTrainer

__all__ = ["NonFiniteLossError", "ObjectiveTrainer", "RunConfig", "run"]
