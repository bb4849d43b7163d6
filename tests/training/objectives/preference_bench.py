"""A tiny student and a trainer of an objective over rows, to look at single steps."""

import copy

import pytest
import torch

from synthgen.training.encoding import IGNORED
from synthgen.training.preflight import prepare
from synthgen.training.processes.even import blank_row
from synthgen.training.student import open_student
from synthgen.training.student_options import StudentOptions
from tests.stages.prefer_bench import pairs


class Made:
    """A tiny student, rows' tokens for an objective, and TRL's trainer over them."""

    def __init__(self, folder, objective, rows):
        from datasets import Dataset

        texts = [text for row in pairs(40) for text in (row["prompt"], row["chosen"], row["rejected"])]
        init = {"hidden_size": 16, "layers": 1, "heads": 2, "vocab_size": 400, "positions": 128}
        self.student = open_student(StudentOptions(init=init), lambda: texts, 0, False)
        prepare(
            rows,
            folder / "rows.arrow",
            objective=objective,
            tokenizer=self.student.tokenizer,
            end_ids=self.student.end_ids,
            max_length=64,
        )
        self.rows = Dataset.from_file(str(folder / "rows.arrow"))
        self.start = copy.deepcopy(self.student.model)  # TRL changes how the student itself is called
        config, own = objective.config()
        arguments = config(
            output_dir=str(folder / "out"),
            per_device_train_batch_size=4,
            use_cpu=True,
            bf16=False,
            report_to=[],
            gradient_checkpointing=False,
            **own,
        )
        self.trainer = objective.trainer()(
            model=self.student.model,
            args=arguments,
            train_dataset=self.rows,
            processing_class=self.student.tokenizer,
            peft_config=None,
        )
        # Away from the start, so that rewards are not 0.
        with torch.no_grad():
            for weight in self.student.model.parameters():
                weight.add_(0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))

    def step(self, batches):
        """Batches of rows as those of one optimizer step."""
        made = iter([self.trainer.data_collator(rows) for rows in batches])
        return self.trainer.get_batch_samples(made, len(batches), torch.device("cpu"))[0]

    @staticmethod
    def rows_of(dataset):
        return [dataset[place] for place in range(len(dataset))]

    def learn(self, batches):
        """The loss and the gradient of a step, as Trainer adds its batches up."""
        model = self.student.model
        model.train()
        model.zero_grad()
        total = 0.0
        made = self.step(batches)
        count = sum(int((batch["labels"][:, 1:] != IGNORED).sum()) for batch in made if "labels" in batch)
        scaled = getattr(self.trainer, "model_accepts_loss_kwargs", False) and count > 0
        for batch in made:
            loss = self.trainer.compute_loss(model, batch, num_items_in_batch=torch.tensor(count))
            part = loss if scaled else loss / len(made)
            part.backward()
            total += float(part.detach())
        return total, gradient(model)

    def curve(self, made):
        """The figures of a step of such batches."""
        figures = self.trainer._metrics["train"]
        figures.clear()
        for batch in made:
            self.trainer.compute_loss(self.student.model, batch, num_items_in_batch=torch.tensor(1))
        return {name: sum(values) / len(values) for name, values in figures.items()}

    def batch(self, number):
        return self.step([[self.rows[place] for place in range(number)]])[0]

    def logp(self, model, tokens, labels):
        ids = torch.tensor([tokens])
        logps = torch.log_softmax(model(input_ids=ids).logits[0, :-1].double(), dim=-1)
        learned = [place for place, label in enumerate(labels) if label != IGNORED]
        return sum(logps[place - 1, tokens[place]] for place in learned)


def gradient(model):
    return torch.cat([weight.grad.flatten().double() for weight in model.parameters()])


def same_step(made, dataset, split=True):
    """Checks that a step is the same with rows that teach nothing, and in several batches."""
    rows = made.rows_of(dataset)
    blank = blank_row(rows[0])
    loss, direction = made.learn([rows])
    assert float(direction.norm()) > 0.01
    ways = [[[*rows, blank, blank, blank]]]
    if split:
        ways += [[rows[:4], rows[4:]], [[*rows[:1], blank], rows[1:4], [blank, *rows[4:]]]]
    for batches in ways:
        again, theirs = made.learn(batches)
        assert again == pytest.approx(loss, abs=1e-5)
        torch.testing.assert_close(theirs, direction, atol=1e-6, rtol=1e-4)
    alone = made.curve(made.step([rows]))
    filled = made.curve(made.step([[*rows, blank, blank, blank]]))
    assert alone.keys() == filled.keys()
    for name in (name for name in alone if name.startswith(("rewards/", "logps/", "log_odds", "kl"))):
        assert filled[name] == pytest.approx(alone[name], abs=1e-4), name
