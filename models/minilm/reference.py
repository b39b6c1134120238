#!/usr/bin/env python3
"""Computes what the sample `minilm` is to answer, without mlhost: Hugging Face's tokenizers, onnxruntime and numpy.

Writes `calls/NAME.answer.json` for every `calls/NAME.request.json`, and `guest/fixtures/tokens.json`, the tokens of the
texts below.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 onnxruntime==1.31.1 tokenizers==0.23.3
    cargo xtask models                                   # fetches the graph and prints its folder
    venv/bin/python models/minilm/reference.py FOLDER            # writes
    venv/bin/python models/minilm/reference.py FOLDER --check    # compares with what is committed
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import BertWordPieceTokenizer

MINILM = Path(__file__).parent
# As in tests/it/minilm.rs.
TOLERANCE = 1e-4

TEXTS = [
    "",
    " ",
    "\t\r\n ",
    "Hello, world!",
    "hello world",
    "HeLLo WoRLD",
    "The quick brown fox jumps over the lazy dog.",
    "unbelievably antidisestablishmentarianism",
    "embeddings of supercalifragilisticexpialidocious words",
    "Straße, Ångström, naïve café, El Niño, Đà Nẵng, œuvre, Łódź",
    "Cafe\u0301 nai\u0308ve A\u030a o\u0304\u0301\u0323",
    "İstanbul ISPARTA ıspanak",
    "ΟΔΥΣΣΕΎΣ Σίσυφος ὀδυσσεύς",
    "Съешь ещё этих мягких французских булок, Їжак, Йод",
    "日本語のテキストと漢字、ひらがな。カタカナ",
    "我爱北京天安门",
    "中文english混排text1和2",
    "𠀀𠮷野家 㐂 豈 丽",
    "한국어 텍스트입니다",
    "مرحبا بالعالم، كيف حالُكَ؟",
    "שָׁלוֹם עוֹלָם",
    "नमस्ते दुनिया कि क्षत्रिय",
    "สวัสดีชาวโลก",
    "Xin chào thế giới",
    "🙂 👍🏽 👨‍👩‍👧 🇩🇪 ❤️ 🤖",
    "emoji🙂inside a word",
    "a.b,c;d:e!f?g(h)i[j]k{l}m\"n'o/p\\q|r@s#t$u%v^w&x*y_z`~+=<>-",
    "«quotes» “curly” ‘single’ – en — em … ¿qué? ¡sí!",
    "€5.00 £3 ¥100 ±2 ×3 ÷4 ² ½ ™ © ° µ § ¶",
    "3.14159 1,000,000 0x1F 1e-9 12:30 2026-11-24",
    "http://example.org/a?b=c&d=%20#e user@example.org",
    "x" * 100,
    "x" * 101,
    "a" * 99 + "é",
    ("ab" * 60) + " after",
    "nul\u0000bell\u0007del\u007fnel\u0085end",
    "zero\u200bwidth\u200djoin\ufeffbom\u00adsoft\u2060word",
    "no\u00a0break\u2003em\u3000ideographic\u2028line\u2029paragraph\u1680ogham",
    "replacement\ufffdcharacter private\ue000use",
    "fullwidth ＡＢＣ１２３！ ligature ﬁ ﬀ ß ẞ ǅ",
    "[CLS] spelled [SEP] in a[MASK]text [UNK] [PAD] [cls] [CLS [[SEP]]",
    "##ing # ## ###s",
    "word\u0301\u0302\u0303\u0304 \u0301alone",
    "don't I'll we've O'Neill rock'n'roll",
    "C++ C# F# .NET node.js foo_bar fooBar FOO-BAR",
    "def f(x: int) -> str:\n\treturn f\"{x}\"\n",
    "one two three four five six seven eight nine ten " * 20,
    "漢" * 200,
    "Ⅷ ⅷ Ⓐ 𝐁𝐨𝐥𝐝 𝒮𝒸𝓇𝒾𝓅𝓉 Ａ",
    "ꙮ ⵣ ꭰ Ꭰ ᏸ Ა ა",
]


def tokenizer(limit):
    # What the model's own tokenizer.json says.
    built = BertWordPieceTokenizer(str(MINILM / "vocab.txt"), lowercase=True, strip_accents=None)
    built.enable_truncation(limit)
    return built


def embeddings(session, texts, limit):
    """A text at a time, without padding: what batches and padding must not change."""
    for text in texts:
        ids = np.array([tokenizer(limit).encode(text).ids], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (positions,) = session.run(["last_hidden_state"], inputs)
        mean = positions[0].astype(np.float64).mean(axis=0)
        yield [round(float(value), 7) for value in mean / np.linalg.norm(mean)]


def texts_of(body):
    if "dataframe_records" in body:
        return [row["text"] for row in body["dataframe_records"]]
    split = body["dataframe_split"]
    return [row[split["columns"].index("text")] for row in split["data"]]


def main(folder, check):
    session = onnxruntime.InferenceSession(Path(folder) / "model.onnx", providers=["CPUExecutionProvider"])
    wrong = 0
    requests = sorted((MINILM / "calls").glob("*.request.json"))
    assert requests, "there are no calls"
    for request in requests:
        body = json.loads(request.read_text())
        limit = body.get("params", {}).get("max_tokens", 128)
        answer = request.with_name(request.name.replace(".request.", ".answer."))
        found = list(embeddings(session, texts_of(body), limit))
        if not check:
            answer.write_text(json.dumps({"predictions": found}) + "\n")
            continue
        difference = np.abs(np.array(json.loads(answer.read_text())["predictions"]) - np.array(found)).max()
        print(f"{answer.name}: {difference:.1e}")
        wrong += difference > TOLERANCE
    fixture = MINILM / "guest/fixtures/tokens.json"
    made = {
        "by": f"tokenizers {version('tokenizers')}, through models/minilm/reference.py",
        "limit": 128,
        "texts": [[text, tokenizer(128).encode(text).ids] for text in TEXTS],
    }
    if not check:
        lines = ",\n".join(json.dumps(entry) for entry in made["texts"])
        head = json.dumps({"by": made["by"], "limit": made["limit"]})[:-1]
        fixture.write_text(f'{head}, "texts": [\n{lines}\n]}}\n')
    elif json.loads(fixture.read_text()) != made:
        print(f"{fixture} differs", file=sys.stderr)
        wrong += 1
    print(f"{len(requests)} calls and {len(TEXTS)} texts {'compared' if check else 'written'}, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    sys.exit(main(arguments[0], "--check" in sys.argv[1:]))
