"""Measures the CPU time of a template against `format = "event"` in the same run, for selection and encoding.

python -m tests.bench.templates
"""

from statistics import median
from time import process_time

import msgspec

from nomad_tui.core.wire import Frame, decode
from nomad_tui.journal.record import Record
from nomad_tui.sinks.definition.definition import Batch, Definition, Format, Kind
from nomad_tui.sinks.delivery.batching import delivery_id
from nomad_tui.sinks.delivery.selection import Selection
from nomad_tui.sinks.delivery.sink import Delivery, Item
from nomad_tui.sinks.runner.service import rare_collections
from nomad_tui.sinks.types.formats import encode
from nomad_tui.sinks.types.templates import DeliveryTemplate
from tests import recordings

EACH = {
    "sentence and level": '{"text": {{ each.sentence|json }}, "level": "{{ each.level }}"}',
    "the payload": '{"key": {{ each.event.Key|json }}, "topic": {{ each.event.Topic|json }}}',
    "neither": '{"id": "{{ each.id }}", "index": {{ each.index }}}',
}
"""Templates, by the parts of an event that they need."""
EVENT = Definition("bench", Kind.WEBHOOK, "http://x", format=Format.EVENT, batch=Batch(100))


def rendered(each: str) -> Definition:
    template = "[{% for each in events %}" + each + '{{ "," if not loop.last }}{% endfor %}]'
    return msgspec.structs.replace(EVENT, format=Format.TEMPLATE, template=template)


def seconds(definition: Definition, lines: list[bytes]) -> float:
    """Return the CPU time from frames to bodies."""
    selection = Selection(definition, "global", "bench")
    frames = [frame for line in lines if isinstance(frame := decode(line), Frame)]
    started = process_time()
    template = DeliveryTemplate(definition)
    waiting: list[Item] = []
    for number, frame in enumerate(frames, 1):
        waiting += selection.items(Record(number, 1, 0, frame))
        if len(waiting) >= 100:
            delivery = Delivery(delivery_id(waiting), tuple(waiting), "global")
            if definition.format is Format.TEMPLATE:
                template.render(delivery)
            else:
                encode(delivery, definition.format, array=True)
            waiting = []
    return process_time() - started


def main() -> None:
    lines = recordings.lines("load")
    print('templates, against format = "event" without journal and requests (at least 0.4)')
    with rare_collections():
        for needed, each in EACH.items():
            ratios = [seconds(EVENT, lines) / seconds(rendered(each), lines) for _ in range(3)]
            print(f"{needed:30}{median(ratios):6.2f}")


if __name__ == "__main__":
    main()
