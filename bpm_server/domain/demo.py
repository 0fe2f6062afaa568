"""The demo company: people, groups, departments and orders, the same at every run."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bpm_server.domain.organisation import Department, Membership, Position


@dataclass(frozen=True, slots=True)
class Person:
    """A demo person."""

    username: str
    name: str
    title: str
    groups: tuple[str, ...]
    department: str
    position: str
    roles: tuple[str, ...] = ("staff",)


@dataclass(frozen=True, slots=True)
class Company:
    """A demo company; everybody has the same password."""

    name: str
    password: str
    groups: dict[str, str]
    departments: tuple[Department, ...]
    positions: tuple[Position, ...]
    people: tuple[Person, ...]
    endpoint: str

    @property
    def memberships(self) -> tuple[Membership, ...]:
        """Where everybody belongs."""
        return tuple(Membership(one.department, one.username, one.position, is_main=True) for one in self.people)


COMPANY = Company(
    name="华信智能装备有限公司",
    password="demo",  # noqa: S106
    groups={
        "sales": "销售部",
        "technology": "技术部",
        "purchasing": "采购部",
        "finance": "财务部",
        "general-manager": "总经理",
        "sales-lead": "销售主管",
        "sales-director": "销售总监",
        "service": "客服部",
        "service-lead": "客服主管",
        "support": "技术支持组",
    },
    departments=(
        Department("huaxin", "华信智能装备有限公司", "Huaxin Intelligent Equipment Co., Ltd.", head="zhou.wei"),
        Department("sales", "销售部", "Sales", "huaxin", "zhang.wei"),
        Department("sales-east", "华东大区", "Sales, East China", "sales", "li.ming"),
        Department("sales-south", "华南大区", "Sales, South China", "sales"),
        Department("technology", "技术部", "Technology", "huaxin", "wang.fang"),
        Department("purchasing", "采购部", "Purchasing", "huaxin", "zhao.qiang"),
        Department("finance", "财务部", "Finance", "huaxin", "chen.jing"),
        Department("service", "客服部", "Customer Service", "huaxin", "huang.min"),
        Department("support", "技术支持组", "Technical Support", "service"),
    ),
    positions=(
        Position("general-manager", "总经理", "General Manager"),
        Position("sales-director", "销售总监", "Sales Director"),
        Position("sales-manager", "销售经理", "Sales Manager"),
        Position("sales-representative", "销售代表", "Sales Representative"),
        Position("technical-lead", "技术主管", "Technical Lead"),
        Position("technical-engineer", "技术工程师", "Technical Engineer"),
        Position("purchasing-lead", "采购主管", "Purchasing Lead"),
        Position("finance-lead", "财务主管", "Finance Lead"),
        Position("service-lead", "客服主管", "Customer Service Lead"),
        Position("service-agent", "客服专员", "Customer Service Agent"),
        Position("support-engineer", "技术支持工程师", "Support Engineer"),
    ),
    people=(
        Person("li.ming", "李明", "销售经理", ("sales",), "sales-east", "sales-manager"),
        Person("wang.fang", "王芳", "技术主管", ("technology",), "technology", "technical-lead"),
        Person("liu.yang", "刘洋", "技术工程师", ("technology",), "technology", "technical-engineer"),
        Person("zhao.qiang", "赵强", "采购主管", ("purchasing",), "purchasing", "purchasing-lead"),
        Person("chen.jing", "陈静", "财务主管", ("finance",), "finance", "finance-lead", ("staff", "operator")),
        Person("zhou.wei", "周伟", "总经理", ("general-manager",), "huaxin", "general-manager"),
        Person("wu.di", "吴迪", "销售代表", ("sales",), "sales-east", "sales-representative"),
        Person("lin.xue", "林雪", "销售代表", ("sales",), "sales-south", "sales-representative"),
        Person("zhang.wei", "张伟", "销售总监", ("sales-lead", "sales-director"), "sales", "sales-director"),
        Person("sun.li", "孙丽", "客服专员", ("service",), "service", "service-agent"),
        Person("huang.min", "黄敏", "客服主管", ("service", "service-lead"), "service", "service-lead"),
        Person("he.tao", "何涛", "技术支持工程师", ("support",), "support", "support-engineer"),
    ),
    endpoint="finance",
)
_CUSTOMERS = (
    ("上海", "精密机械"), ("苏州", "电子科技"), ("杭州", "新能源"), ("广州", "医疗器械"), ("深圳", "自动化"),
    ("成都", "航空部件"), ("武汉", "光电"), ("南京", "轨道交通"), ("青岛", "海洋装备"), ("西安", "仪器仪表"),
)  # fmt: skip
_NAMES = ("华泰", "东方", "中科", "恒达", "瑞丰", "金桥", "天成", "远航", "盛世", "启明")
_PRODUCTS = (
    ("数控加工单元 CNC-500", 186_000), ("六轴机器人 R6-20", 98_000), ("视觉检测站 VS-2", 64_500),
    ("柔性输送线 FL-10", 42_800), ("伺服压机 SP-80", 73_200), ("备件包", 3_600), ("年度维保服务", 28_000),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DemoOrder:
    """Start variables of an order or an expense, and what happens to it next: outcomes by task, in order."""

    variables: dict[str, Any]
    steps: tuple[tuple[str, str, str, str], ...]


def orders(count: int, seed: int = 2026) -> list[DemoOrder]:
    """Orders of the demo company, some of them on their way already."""
    draw = random.Random(seed)  # noqa: S311
    return [_order(number, draw) for number in range(1, count + 1)]


def _order(number: int, draw: random.Random) -> DemoOrder:
    place, trade = draw.choice(_CUSTOMERS)
    amount = 0
    lines: list[dict[str, Any]] = []
    for product, price in draw.sample(_PRODUCTS, draw.randint(1, 3)):
        quantity = draw.randint(1, 5)
        lines.append({"product": product, "quantity": quantity, "unitPrice": price})
        amount += quantity * price
    variables: dict[str, Any] = {
        "orderNumber": f"SO-2026-{number:04d}",
        "customer": f"{place}{draw.choice(_NAMES)}{trade}有限公司",
        "amount": Decimal(amount),
        "currency": "CNY",
        "lines": lines,
        "initiator": "li.ming",
        "remark": draw.choice(("", "客户要求本月底前交货", "首批试用，后续有增购", "含安装调试")),
    }
    return DemoOrder(variables, _steps(number))


def _steps(number: int) -> tuple[tuple[str, str, str, str], ...]:
    """Task, person, outcome, comment."""
    technology = ("review-technology", "wang.fang", "approved", "技术方案可行，按标准配置")
    purchasing = ("review-purchasing", "zhao.qiang", "approved", "关键件有库存，交期可保证")
    finance = ("review-finance", "chen.jing", "approved", "信用额度内，付款条件正常")
    paths: tuple[tuple[tuple[str, str, str, str], ...], ...] = (
        (),
        (technology,),
        (technology, purchasing),
        (purchasing,),
        (technology, purchasing, finance),
        (("review-technology", "liu.yang", "returned", "请补充现场电源和气源参数"),),
    )
    return paths[number % len(paths)]


_EXPENSES = (
    ("上海客户拜访差旅", "travel", "wu.di", "高铁往返，酒店两晚",
     (("高铁往返", "1106.50"), ("酒店", "2380"), ("市内交通", "374"))),
    ("华南展会参展费", "other", "lin.xue", "含展位搭建与物料",
     (("展位", "18000"), ("搭建", "6500"), ("物料印刷", "2300"))),
    ("客户技术交流会", "hospitality", "li.ming", "参会十二人", (("会场", "1800"), ("餐费", "2400"))),
    ("测试工装采购", "office", "liu.yang", "两套视觉检测工装", (("视觉检测工装", "7800"), ("视觉检测工装", "7800"))),
    ("PLC 编程培训", "training", "liu.yang", "三天，含教材", (("培训费", "9300"), ("教材", "500"))),
    ("售后现场差旅", "travel", "he.tao", "青岛现场调试", (("机票往返", "1420.00"), ("酒店", "680"), ("出租车", "90"))),
    ("办公显示器两台", "office", "sun.li", "", (("27 寸显示器", "1699"), ("27 寸显示器", "1699"))),
    ("年度供应商走访", "travel", "zhao.qiang", "苏州、无锡、南京",
     (("租车", "4800"), ("酒店", "5250"), ("餐费", "2400"))),
)  # fmt: skip
_EXPENSE_STEPS: dict[int, tuple[tuple[str, str, str, str], ...]] = {
    2: (("approve-superior", "zhang.wei", "approved", "展会效果好，同意"),),
    3: (("approve-superior", "zhang.wei", "approved", ""), ("approve-finance", "chen.jing", "approved", "票据齐全")),
    5: (("approve-superior", "wang.fang", "approved", "纳入年度培训计划"),),
    7: (("approve-superior", "huang.min", "rejected", "先从仓库调拨"),),
}


def expenses(count: int) -> list[DemoOrder]:
    """Expenses of the demo company, some of them on their way already."""
    return [_expense(number) for number in range(1, min(count, len(_EXPENSES)) + 1)]


def _expense(number: int) -> DemoOrder:
    title, kind, initiator, remark, items = _EXPENSES[number - 1]
    lines: list[dict[str, Any]] = [{"item": item, "receipt": "", "amount": Decimal(amount)} for item, amount in items]
    variables: dict[str, Any] = {
        "title": title,
        "expenseType": kind,
        "amount": sum((line["amount"] for line in lines), Decimal()),
        "lines": lines,
        "currency": "CNY",
        "spentOn": f"2026-11-{number + 8:02d}",
        "remark": remark,
        "initiator": initiator,
    }
    return DemoOrder(variables, _EXPENSE_STEPS.get(number, ()))
