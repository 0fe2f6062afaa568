"""What is wrong with a submission, field by field, in words for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

Kind = Literal[
    # the form viewer reports these too, at the same fields
    "required",
    "minLength",
    "maxLength",
    "min",
    "max",
    "minInvalid",
    "maxInvalid",
    "pattern",
    "email",
    "phone",
    "decimalDigits",
    "increment",
    "notANumber",
    # only the server does
    "type",
    "option",
    "date",
    "minDate",
    "timeInterval",
    "rows",
    "minRows",
    "maxRows",
    "file",
    "fileType",
    "fileCount",
    "fileSize",
    "person",
    "personCount",
    "location",
    "slowPattern",
    "tooLarge",
]

LANGUAGES: Final = ("en", "zh")


class Problem(NamedTuple):
    """A rule that a value does not satisfy, with the bound that counts."""

    kind: Kind
    param: Any = None


@dataclass(frozen=True, slots=True)
class FieldError:
    """A problem of one field.

    Attributes:
        path: Where its value is in the submission; rows by their number, from 0. Empty: the submission itself.
        key: The field's own key, or the path of a list, as the form has it.
        param: The bound: a number, the pattern, the two nearest numbers, the expected type.
        text: The form's own message, which replaces ours.
    """

    path: tuple[str | int, ...]
    key: str
    field_id: str | None
    kind: Kind
    param: Any = None
    text: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that the API and pages get: ``message`` has a text for each of :data:`LANGUAGES`."""
        return {
            "path": list(self.path),
            "key": self.key,
            "fieldId": self.field_id,
            "kind": self.kind,
            "param": self.param,
            "message": {language: error_text(self, language) for language in LANGUAGES},
        }


def error_text(error: FieldError, language: str) -> str:
    """The message in a language: Chinese for ``zh`` and its variants, English for all others."""
    if error.text:
        return error.text
    english, chinese = _TEXTS[error.kind]
    text = chinese if language.lower().startswith("zh") else english
    if error.kind == "type":
        english, chinese = _TYPES.get(error.param, _TYPES["value"])
        return text.format(chinese if text is not _TEXTS["type"][0] else english)
    if isinstance(error.param, (list, tuple)):
        return text.format(*error.param)
    return text.format(error.param)


_TYPES: Final = {
    "text": ("a text", "文本"),
    "number": ("a number", "数字"),
    "boolean": ("yes or no", "是或否"),
    "list": ("a list", "列表"),
    "object": ("an object", "对象"),
    "value": ("another kind of value", "其他类型的值"),
}

_TEXTS: Final[dict[Kind, tuple[str, str]]] = {
    "required": ("This field is required.", "此项为必填项。"),
    "minLength": ("Enter at least {} characters.", "请至少输入 {} 个字符。"),
    "maxLength": ("Enter at most {} characters.", "最多可输入 {} 个字符。"),
    "min": ("Enter a value of at least {}.", "请输入不小于 {} 的值。"),
    "max": ("Enter a value of at most {}.", "请输入不大于 {} 的值。"),
    "minInvalid": (
        "This value cannot be compared with its minimum: one of them is not a number.",
        "无法与最小值比较：其中之一不是数字。",
    ),
    "maxInvalid": (
        "This value cannot be compared with its maximum: one of them is not a number.",
        "无法与最大值比较：其中之一不是数字。",
    ),
    "pattern": ("This value does not match the pattern {}.", "此值与格式 {} 不符。"),
    "email": ("Enter a valid e-mail address.", "请输入有效的电子邮箱地址。"),
    "phone": (
        "Enter a telephone number with its country code, such as +8613800138000.",
        "请输入带国家代码的电话号码，例如 +8613800138000。",
    ),
    "decimalDigits": ("Enter at most {} digits after the decimal point.", "小数点后最多 {} 位。"),
    "increment": ("The two nearest values that are possible are {} and {}.", "最接近的两个有效值是 {} 和 {}。"),
    "notANumber": ("Enter a number.", "请输入数字。"),
    "type": ("This field needs {}.", "此项需要{}。"),
    "option": ("Choose one of the options offered.", "请从给出的选项中选择。"),
    "date": ("Enter a date or time that exists.", "请输入真实存在的日期或时间。"),
    "minDate": ("Choose a date from {} on.", "请选择 {} 或之后的日期。"),
    "timeInterval": ("Choose a time in steps of {} minutes.", "请按 {} 分钟的间隔选择时间。"),
    "rows": ("At most {} rows are allowed here.", "此处最多允许 {} 行。"),
    "minRows": ("At least {} rows are needed here.", "此处至少需要 {} 行。"),
    "maxRows": ("At most {} rows are allowed here.", "此处最多允许 {} 行。"),
    "file": ("A file did not arrive; choose it again.", "文件未上传成功，请重新选择。"),
    "fileType": ("Only files of these types are allowed: {}.", "只允许以下类型的文件：{}。"),
    "fileCount": ("Choose at most {} file(s).", "最多选择 {} 个文件。"),
    "fileSize": ("A file may have at most {} bytes.", "单个文件不得超过 {} 字节。"),
    "person": ("Nobody who works here is called {}.", "没有名为 {} 的在职人员。"),
    "personCount": ("Choose at most {} people.", "最多选择 {} 人。"),
    "location": ("Enter a place on earth, such as geo:31.23,121.47.", "请填写有效的位置，例如 geo:31.23,121.47。"),
    "slowPattern": (
        "This value takes too long to check against its pattern; a shorter one will do.",
        "此值的格式检查耗时过长，请缩短后重试。",
    ),
    "tooLarge": ("This submission is too large.", "提交的内容过大。"),
}
