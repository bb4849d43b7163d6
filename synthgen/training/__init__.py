"""Training: a student, what it is trained on, and a checkpoint that survives a kill."""

from logging import ERROR, getLogger

# transformers and peft import torchao where it is there, and torchao warns of GPU kernels that it lacks.
# Nobody can mend that here.
for _name in ("torchao", "torch.utils._pytree"):
    getLogger(_name).setLevel(ERROR)
