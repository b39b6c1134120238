"""Why mlhost may answer otherwise than MLflow: for each reason of `docs/mlflow-differences.md` when it applies.

Called by `differential.py` for answers that differ. A rule is as narrow as it can be: what no rule explains is a defect of
one of the two servers. Rules are tried in order, and the first one that fits gives the reason. Answers are read here and
never changed.
"""

import math
import re

RULES = []
# What a refusal is about, by its message: two refusals about different things tell of two faults.
ABOUT = {
    "json": r"valid JSON|exactly one of the input fields|[Ee]xpected .* at line|EOF|not a string|not an object",
    "params": r"Invalid parameters|Parameters must be",
    "missing": r"missing inputs|inputs were not named|same length",
    "shape": r"has \d+ values, the columns before it|Shape of input|first dimension of shape|unnamed input|inhomogeneous|requires tensor spec",
    "cast": r"Failed to convert|could not convert|Invalid input\.|Incompatible input types|out of bounds|Failed to parse input|"
    r"Expected data to be|Invalid properties|could not be converted to the expected shape|Missing required properties|timezone-naive|error casting|unexpected error",
}


def check_reasons(page):
    """Every rule's reason stands in the page of differences, word for word, with the modes in which it is looked for."""
    known = page.read_text()
    missing = [reason for reason, _ in RULES if f"| {reason} |" not in known]
    if missing:
        raise SystemExit("error: reasons that the page of differences does not have:\n" + "\n".join(missing))
    modes = {}
    for line in known.splitlines():
        cells = [cell.strip() for cell in line.split(" | ")]
        if len(cells) == 3:
            modes[cells[0].removeprefix("| ")] = cells[1].split(", ")
    return modes


def rule(reason):
    def register(applies):
        RULES.append((reason, applies))
        return applies

    return register


def reason(case, mode, modes):
    """The reason for which the answers of `case` differ in `mode`; None where there is none."""
    if any(reason not in modes for reason, _ in RULES):
        raise KeyError("a rule's reason has no mode")
    return next((reason for reason, applies in RULES if mode in modes[reason] and applies(case)), None)


def message(answer):
    """What the answer says is wrong, without MLflow's preface, which repeats the request; empty where nothing is."""
    found = answer.json
    text = found.get("message", "") if isinstance(found, dict) else ""
    if answer.status != 200 and not text:
        text = answer.body.decode("utf-8", "replace")
    for preface in ("Failed to predict data", "Failed to enforce schema"):
        if text.startswith(preface):
            text = text.partition("\nError: ")[2] or text
    return text.rpartition("'. Error: ")[2] if text.startswith("Failed to enforce schema") else text


def about(answer):
    text = message(answer)
    return next((what for what, pattern in ABOUT.items() if re.search(pattern, text)), None)


def close(theirs, ours):
    """Whether two numbers of a graph are one: two builds of one runtime need not compute the last digits alike."""
    if not (isinstance(theirs, float) and isinstance(ours, float)):
        return False
    return math.isclose(theirs, ours, rel_tol=1e-5, abs_tol=1e-7) or (math.isnan(theirs) and math.isnan(ours))


def parted(theirs, ours, path=""):
    """Where two JSON values differ: path, and either value."""
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys():
        found = [one for key in theirs for one in parted(theirs[key], ours[key], f"{path}.{key}")]
        return [one for one in found if not (one[0].endswith(".params") and not one[1] and not one[2])]
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        pairs = zip(theirs, ours, strict=True)
        return [found for one, two in pairs for found in parted(one, two, f"{path}[]")]
    return [] if theirs == ours or close(theirs, ours) else [(path, theirs, ours)]


def parts(case):
    """`parted` of two predictions; empty where there are not two."""
    if case.mlflow.status != 200 or case.mlhost.status != 200:
        return []
    return parted(case.mlflow.json, case.mlhost.json)


def only(case, *kinds):
    """Whether there are differences and each is of one of `kinds`: functions of path and the two values."""
    found = parts(case)
    return bool(found) and all(any(kind(*one) for kind in kinds) for one in found)


def refused(case, pattern):
    """Whether mlhost refuses for what `pattern` finds, whatever MLflow does about it."""
    return case.mlhost.status == 400 and re.search(pattern, message(case.mlhost)) is not None


# Kinds of differences between two descriptions


def dtype(path, theirs, ours):
    return path.endswith(".dtypes[]") and {str(theirs), str(ours)} <= {"object", "str", "bool"}


def missing(path, theirs, ours):
    return path.endswith("values[][]") and theirs in ("None", "nan", "NaT", "False", "True", "b'None'") and ours in ("None", "nan", "NaT")


def named(path, theirs, ours):
    return path.endswith(".columns[]") and str(ours).isdigit()


def truth(path, theirs, ours):
    return "values" in path and re.sub("True|False", "_", str(theirs)) == re.sub("True|False", "_", str(ours))


def spelled(path, theirs, ours):
    return path.endswith("values[][]") and ours.strip("'\"") == theirs


def encoded(path, theirs, ours):
    return path.endswith("values[][]") and ours == f"b{theirs}"


def rounded(path, theirs, ours):
    """A double that went through a single-precision number."""
    try:
        return "values" in path and abs(float(theirs) - float(ours)) <= 1e-6 * abs(float(ours))
    except ValueError:
        return False


def is_unnamed(case):
    return bool(case.types) and "name" not in case.signature["inputs"][0] and "tensor" not in case.types


def is_nested(case):
    return bool({"array", "map", "object", "any"} & set(case.types))


def is_array(case):
    return case.request.form.startswith(("inputs", "instances", "tensor_inputs", "tensor_instances", "content_type"))


# The rules


@rule("a missing Content-Type is 415 with a message; MLflow fails with 500")
def no_content_type(case):
    return case.request.content_type is None and (case.mlflow.status, case.mlhost.status) == (500, 415)


@rule("a media type that is not served is 415 in the shape of every other error; MLflow answers plain text")
def media_type(case):
    return (case.mlflow.status, case.mlhost.status) == (415, 415) and case.mlflow.content_type.startswith("text/plain")


@rule("a NaN or an infinity is written as null, because the bare words NaN and Infinity are no JSON")
def not_finite(case):
    def written(path, theirs, ours):
        return isinstance(theirs, float) and not math.isfinite(theirs) and ours is None

    return only(case, written)


@rule("an integer out of range is refused; MLflow lets it wrap around into another number")
def out_of_range(case):
    return refused(case, r"out of bounds for u?int|`<class 'int'>` to `DataType.(integer|long)`|cannot be an integer|cannot convert float .* to integer")


@rule("a moment before 1677 or after 2262 is refused; MLflow lets it wrap around into another one")
def moment_out_of_range(case):
    return refused(case, r"is out of range: 1677")


@rule("the text `false` is false, and what is neither is refused; to MLflow every text that is not empty is true")
def truths(case):
    return refused(case, r'neither "true" nor "false"') or ("false" in str(case.request.json).lower() and only(case, truth))


@rule(
    "a list or an object in a column of single values is refused with its row; MLflow lets some through, as truth values or "
    "as they are, and refuses others with another error code"
)
def list_in_a_column(case):
    if refused(case, r"expected a single value, found (a list|an object)"):
        return True
    if case.request.form == "parquet" and refused(case, r"Can not safely convert object to"):
        return True
    # Bare lists for columns with names: MLflow puts each whole into the one column.
    bare = case.request.form in ("inputs_bare", "instances_bare", "content_type")
    return bare and refused(case, r"extra inputs: \[0") and not is_unnamed(case)


@rule("what is not base64 is refused; MLflow drops the characters that it cannot read")
def not_base64(case):
    return refused(case, r"is not base64")


@rule("true is no moment; MLflow reads one nanosecond")
def true_moment(case):
    return refused(case, r"datetime64.*(true|boolean)")


@rule("without a signature, texts beside other values in an array are refused; numpy spells them all as texts")
def mixed_array(case):
    mixed = r"texts and other values are mixed|an object cannot be an element|is an object, those before it are not"
    return case.signature["inputs"] is None and refused(case, mixed)


@rule("a null in an array without a signature is a NaN; MLflow's model gets an array of objects")
def null_in_an_array(case):
    def is_null(path, theirs, ours):
        if path.endswith(".dtype"):
            return theirs == "object"
        return path.endswith(".values") and "None" in theirs and "nan" in ours

    return case.signature["inputs"] is None and only(case, is_null)


@rule("lists in the cells of a table fill a tensor of any shape; MLflow takes single values and flat lists alone")
def tensor_of_a_table(case):
    refusals = r"requires tensor spec input, the input pandas dataframe|unnamed input\. Since|For pandas dataframe input"
    refusals += r"|contains scalar values, which requires the shape"
    if "list index out of range" in message(case.mlflow):
        return case.mlhost.status == 400
    return "tensor" in case.types and case.mlflow.status == 400 and re.search(refusals, message(case.mlflow)) is not None


@rule("a guest finds a column without a name by its position, whatever the request calls it")
def unnamed_columns(case):
    return is_unnamed(case) and only(case, named, dtype, missing)


@rule("each column is cast to its own type; MLflow casts all of them to the first one's and then refuses")
def own_types(case):
    if not (is_unnamed(case) and is_array(case)):
        return False
    found = r"safely convert|unexpected error|could not convert|invalid literal|Invalid input\."
    left = any(path.endswith(".dtypes[]") and theirs == "object" for path, theirs, _ in parts(case))
    if only(case, rounded) or (left and only(case, named, dtype, rounded, lambda path, *_: path.endswith("values[][]"))):
        return True
    return case.mlflow.status == 400 and re.search(found, message(case.mlflow)) is not None


@rule("records and chat bodies for columns without names are cast column by column; MLflow compares types, or fails")
def records_without_names(case):
    found = r"Incompatible input types|Invalid object type|of unsized object"
    of_records = case.request.form in ("inputs_records", "instances_records", "inputs_scalars", "chat")
    body = case.request.json if isinstance(case.request.json, dict) else {}
    rows = body.get("inputs", body.get("instances"))
    records = case.request.form == "content_type" and isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    # To MLflow the names stay, and one column of a chat body holds the whole list.
    if is_unnamed(case) and (case.request.form == "chat" or records) and parts(case):
        return True
    return is_unnamed(case) and of_records and any(re.search(found, message(answer)) for answer in (case.mlflow, case.mlhost))


@rule("values of an object are checked and passed on as the JSON they came as; MLflow makes 1.0 of a 1")
def values_of_objects(case):
    def number(path, theirs, ours):
        return "values" in path and re.sub(r"(?<=\d)\.0\b", "", theirs) == re.sub(r"(?<=\d)\.0\b", "", ours)

    return bool({"object", "array", "map"} & set(case.types)) and only(case, number, dtype, missing)


@rule("a column of texts holds texts, spelled as Python spells the value; MLflow leaves other values in it")
def texts_of_values(case):
    return "string" in case.types and only(case, spelled, dtype, missing, *([named] if is_unnamed(case) else []))


@rule("a binary column of a CSV or Parquet body holds a text's bytes; MLflow leaves the text")
def binary_of_csv(case):
    return case.request.form in ("csv", "parquet") and "binary" in case.types and any(encoded(*one) for one in parts(case)) and only(case, encoded, dtype, missing)


@rule("a missing value is missing; pandas has None, NaN, a truth value or b'None' for it, as the request was written")
def missing_values(case):
    return any(missing(*one) for one in parts(case)) and only(case, missing, dtype)


@rule("a column without values has the type of the signature, or is one of floats; to pandas it is one of objects")
def no_values(case):
    def is_empty(path, theirs, ours):
        return path.endswith(".dtypes[]") and theirs in ("object", "str")

    if '"values": []' in case.mlflow.body.decode("utf-8", "replace"):
        return only(case, is_empty, lambda path, *_: path.endswith(".dtypes[]"))
    return case.signature["inputs"] is None and any(is_empty(*one) for one in parts(case)) and only(case, is_empty, missing)


@rule("texts are texts; to pandas a column of them is one of texts or of objects, as the request was written")
def dtypes_of_texts(case):
    return only(case, dtype)


@rule("a table or a list without rows fills tensors without rows; MLflow fails on it")
def tensor_without_rows(case):
    found = r"IndexError|an input of type <class 'list'> was found"
    return "tensor" in case.types and case.mlflow.status == 400 and re.search(found, message(case.mlflow)) is not None


@rule("null is no element of a tensor of truth values or texts; MLflow makes false and the text `None` of it")
def null_truth(case):
    return "tensor" in case.types and refused(case, r"null is not a (boolean|text)")


@rule("a number or a truth value is no binary value; MLflow reads its digits or letters")
def binary_of_a_number(case):
    return is_array(case) and refused(case, r"expected a text( of base64)?, found an? (integer|number|boolean|float)")


@rule("a column of moments is refused in a CSV body, as by MLflow, where there are no rows too")
def moments_of_csv(case):
    return case.request.form == "csv" and refused(case, r"datetime64\[ns\] is not supported for parsing")


@rule("an infinity among texts is missing without a signature: a column of both is one of JSON, which has no infinity")
def infinity_among_texts(case):
    def infinite(path, theirs, ours):
        return path.endswith("values[][]") and theirs.lstrip("-") == "inf" and ours == "None"

    return case.signature["inputs"] is None and only(case, infinite, dtype)


@rule("a number in an object, an array or a map is accepted where it fits; MLflow takes doubles and longs alone")
def numbers_of_objects(case):
    found = r"Expected type (float|integer), received type|safely convert (float64 to float32|int64 to int32)"
    found += r"|Failed to enforce schema of data `.*` with dtype `(float|integer)`"
    return is_nested(case) and case.mlflow.status == 400 and re.search(found, message(case.mlflow)) is not None


@rule("arrays, objects and maps are taken in `inputs` and `instances` as in the other forms; MLflow refuses some and mixes up others")
def nested_arrays(case):
    found = r"Expected data to be|inhomogeneous|setting an array element|truth value of an array|Ensure that the input is a valid"
    found += r"|safely convert object|Can not safely convert|Invalid object type|Data must be 1-dimensional"
    if not (is_nested(case) and is_array(case)):
        return False
    turned = any(path.endswith(".shape[]") for path, *_ in parts(case))
    if case.mlflow.status == 200:
        return "array" in case.types and (turned or refused(case, r"Expected data to be list or numpy array"))
    return re.search(found, message(case.mlflow)) is not None


@rule("an infinity in a list of parameters is null, since a list is JSON to a guest; MLflow checks its type")
def infinite_parameter(case):
    def infinite(path, theirs, ours):
        return ".params." in path and re.sub(r"-?inf|nan", "None", theirs) == ours

    found = re.search(r"Can not safely convert `<class 'float'>`.*for value `(nan|-?inf)`", message(case.mlflow))
    return only(case, infinite) or (case.mlhost.status == 200 and found is not None)


@rule("a column of any values holds each of them as it came; pandas finds a type for it where it can")
def any_values(case):
    def widened(path, theirs, ours):
        if path.endswith(".dtypes[]"):
            return ours == "object"
        # numpy makes texts of the numbers in a list of both.
        return path.endswith("values[][]") and (ours == re.sub(r"\.0$", "", theirs) or ours.replace("'", "") == theirs.replace("'", ""))

    return "any" in case.types and only(case, widened, missing)


@rule("records in `inputs` are tensors by name, without a signature too; MLflow's model gets the list of records")
def records_without_a_signature(case):
    predictions = case.mlflow.json.get("predictions") if case.mlflow.status == 200 else None
    found = predictions.get("input", {}) if isinstance(predictions, dict) else {}
    ours = parts(case) or refused(case, r"inhomogeneous|texts and other values are mixed|same length|values, ")
    return case.signature["inputs"] is None and found.get("kind") == "list" and found["len"] > 0 and bool(ours)


@rule("an object in `inputs` is columns where one of its values is a list; MLflow takes it for one row where others are not")
def columns_or_one_row(case):
    found = r"has \d+ values, the columns before it|Failed to convert column"
    body = case.request.json if case.request.form == "inputs_scalars" else {}
    other = refused(case, found) or any(path.endswith(".shape[]") for path, *_ in parts(case))
    return case.mlflow.status == 200 and other and (is_nested(case) or [] in body.get("inputs", {}).values())


@rule("a whole number keeps its digits in a tensor; MLflow's goes through a double beside larger ones")
def digits_of_unsigned(case):
    def unsigned(path, theirs, ours):
        return path.endswith(".values") and "1844674407370955" in theirs + ours or "922337203685477" in theirs + ours

    return "tensor" in case.types and only(case, unsigned)


@rule("guests have no column of 64 bits without a sign: what needs it is a float, as in JSON")
def unsigned_column(case):
    def unsigned(path, theirs, ours):
        return path.endswith((".dtypes[]", "values[][]")) and (theirs == "uint64" or theirs.isdigit())

    return case.signature["inputs"] is None and any(theirs == "uint64" for _, theirs, _ in parts(case)) and only(case, unsigned)


@rule("a column of a table without names is called by its position; to MLflow a position is no name")
def called_by_position(case):
    names = {column.get("name") for column in case.signature["inputs"] or []}
    return case.request.form == "split_bare" and "0" in names


@rule("columns that the model does not take are not read; MLflow reads them first, fails on some and repeats rows for others")
def unread_columns(case):
    found = r"inhomogeneous|setting an array element"
    if is_array(case) and case.mlhost.status == 200 and re.search(found, message(case.mlflow)) is not None:
        return True
    taken = {column.get("name") for column in case.signature["inputs"] or []}
    given = case.request.json.get("inputs") if isinstance(case.request.json, dict) else None
    return isinstance(given, dict) and bool(given.keys() - taken) and any(path.endswith(".shape[]") for path, *_ in parts(case))


@rule("a binary value of `inputs` or `instances` is a text's bytes in UTF-8; MLflow's numpy takes ASCII alone")
def not_ascii(case):
    return "binary" in case.types and is_array(case) and "'ascii' codec can't encode" in message(case.mlflow)


@rule("an infinity is true in a column of truth values of a CSV body, as in the other forms; pandas refuses it there")
def infinite_truth(case):
    return case.request.form == "csv" and "boolean" in case.types and "cannot safely convert passed user dtype of bool for float64" in message(case.mlflow)


@rule("a moment is read by itself, and a missing one is missing; pandas and numpy want all of a column written in one form")
def moments_by_themselves(case):
    found = r"doesn\\?'t match format|unconverted data|Could not convert object to NumPy datetime|not convertible to datetime"
    return "datetime" in case.types and case.mlhost.status == 200 and re.search(found, message(case.mlflow)) is not None


@rule("a year of fewer than four digits is no moment; MLflow lets it wrap around into another one")
def short_years(case):
    return case.mlflow.status == 200 and refused(case, r"'\d{1,3}' is not a datetime of ISO 8601")


@rule("a whole number keeps its digits in a column; MLflow's goes through a double beside fractions")
def digits_of_whole(case):
    def whole(path, theirs, ours):
        digits = re.compile(r"-?\d{16,}")
        both = path.endswith("values[][]") and digits.fullmatch(theirs) and digits.fullmatch(ours)
        # Strict lets what the double is too large for wrap around.
        return bool(both) and (float(theirs) == float(ours) or theirs == "-9223372036854775808")

    return only(case, whole, dtype, missing)


@rule("a text keeps the NUL characters at its end; numpy drops them")
def nul_at_the_end(case):
    def dropped(path, theirs, ours):
        return "values" in path and theirs == ours.replace("\\x00", "")

    return is_array(case) and only(case, dropped, dtype, missing)


@rule("an empty list is an empty array; without a signature MLflow's model gets the list itself")
def empty_array(case):
    return any(theirs.get("kind") == "list" and theirs["len"] == 0 for _, theirs, _ in parts(case) if isinstance(theirs, dict))


@rule("an empty list is no table where columns have names; MLflow makes one without rows for a single column")
def empty_list(case):
    body = case.request.json if isinstance(case.request.json, dict) else {}
    return [] in (body.get("inputs"), body.get("instances")) and "tensor" not in case.types


@rule("an object of single values is one row; MLflow refuses it where nothing else says how many rows there are")
def one_row(case):
    found = r"If using all scalar values|Expected data to be a dict, got"
    return case.mlhost.status == 200 and re.search(found, message(case.mlflow)) is not None


@rule("a table whose columns are all left out keeps its rows; MLflow's has none")
def no_columns(case):
    return any(path.endswith(".shape[]") and theirs == 0 for path, theirs, _ in parts(case)) and '"columns":[]' in case.mlhost.body.decode()


@rule("what MLflow casts and then finds incompatible is refused while it is cast, with the error code of a cast")
def refused_while_cast(case):
    both = case.mlflow.status == case.mlhost.status == 400 and about(case.mlflow) == about(case.mlhost) == "cast"
    return both and re.search(r"Incompatible|timezone-naive|Expected data|error casting|expected shape", message(case.mlflow)) is not None


@rule("a request with two faults is refused for the one that is found first, which is not always MLflow's first")
def two_faults(case):
    both = case.mlflow.status == case.mlhost.status == 400
    theirs, ours = about(case.mlflow), about(case.mlhost)
    return both and theirs is not None and ours is not None and theirs != ours
