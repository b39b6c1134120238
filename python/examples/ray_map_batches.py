"""Scores a Parquet file with Ray Data: a pool of actors, each with the model loaded once.

    python ray_map_batches.py MODEL INPUT OUTPUT [--actors 2] [--batch-size 4096]

MODEL is a directory or a model URI that every node can read. mlhost has to be installed where actors run:
`ray.init(runtime_env={"pip": ["mlhost"]})` does that on a cluster.
"""

import argparse

import mlhost
import pyarrow
import ray


class Scorer:
    """One actor: Ray makes it once, and calls it for each batch."""

    def __init__(self, model):
        self.model = mlhost.load(model)

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        predictions = self.model.predict(batch)
        for name in predictions.column_names:
            batch = batch.append_column(name, predictions[name])
        return batch


def main():
    parser = argparse.ArgumentParser(description="Scores a Parquet file with ray.data and map_batches.")
    parser.add_argument("model")
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=4096)
    asked = parser.parse_args()

    ray.init()
    scored = ray.data.read_parquet(asked.input).map_batches(
        Scorer,
        fn_constructor_args=(asked.model,),
        compute=ray.data.ActorPoolStrategy(size=asked.actors),
        batch_format="pyarrow",
        batch_size=asked.batch_size,
    )
    scored.write_parquet(asked.output)


if __name__ == "__main__":
    main()
