"""Scores a CSV file of any size with pandas: a chunk is read, predicted and written before the next one is read.

    python pandas_chunks.py MODEL INPUT.csv OUTPUT.csv [--chunk-rows 1000]

MODEL is a directory or a model URI. The chunks alone bound the memory, whatever the file's size.
"""

import argparse

import mlhost
import pandas


def main():
    parser = argparse.ArgumentParser(description="Scores a CSV file in chunks.")
    parser.add_argument("model")
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--chunk-rows", type=int, default=1000)
    asked = parser.parse_args()

    model = mlhost.load(asked.model)
    # Otherwise pandas reads some numbers as a neighbour of what is written.
    chunks = pandas.read_csv(asked.input, chunksize=asked.chunk_rows, float_precision="round_trip")
    for number, chunk in enumerate(chunks):
        predictions = model.predict(chunk)
        predictions.index = chunk.index
        scored = pandas.concat([chunk, predictions], axis=1)
        scored.to_csv(asked.output, mode="w" if number == 0 else "a", header=number == 0, index=False)


if __name__ == "__main__":
    main()
