"""Scores a Parquet file with a remote function of Ray: one task a chunk, each on whatever worker is free.

    python ray_remote.py MODEL INPUT OUTPUT [--chunk-rows 2500]

A worker loads the model for its first task and keeps it for the next ones. For data that no one machine holds, or for models that
take long to load, `ray_map_batches.py` is the better way.
"""

import argparse

import mlhost
import pandas
import ray


LOADED = {}


def loaded(model):
    """Once a worker process: Ray sends what is global here along with the function, and keeps both there."""
    if model not in LOADED:
        LOADED[model] = mlhost.load(model)
    return LOADED[model]


@ray.remote
def predict(model, chunk):
    return loaded(model).predict(chunk)


def main():
    parser = argparse.ArgumentParser(description="Scores a Parquet file with a remote function.")
    parser.add_argument("model")
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--chunk-rows", type=int, default=2500)
    asked = parser.parse_args()

    ray.init()
    frame = pandas.read_parquet(asked.input)
    chunks = [frame[at : at + asked.chunk_rows] for at in range(0, len(frame), asked.chunk_rows)]
    predictions = ray.get([predict.remote(asked.model, chunk) for chunk in chunks])
    # In the order of the chunks, whichever was ready first.
    scored = pandas.concat(predictions, ignore_index=True)
    pandas.concat([frame.reset_index(drop=True), scored], axis=1).to_parquet(asked.output)


if __name__ == "__main__":
    main()
