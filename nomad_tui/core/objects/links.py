"""What an object of any kind says about what it belongs to, and how it is: a few fields, for thousands of objects."""

from typing import Final

from nomad_tui.core.objects.reading import Object


class Links(Object):
    """Empty where an object has none."""

    name: str = ""
    job_id: str = ""
    job_version: int = 0
    parent_id: str = ""
    eval_id: str = ""
    deployment_id: str = ""
    alloc_id: str = ""
    node_id: str = ""
    previous_allocation: str = ""
    next_allocation: str = ""
    followup_eval_id: str = ""
    previous_eval: str = ""
    next_eval: str = ""
    blocked_eval: str = ""
    triggered_by: str = ""
    status: str = ""
    client_status: str = ""
    version: int = 0
    create_time: int = 0
    modify_time: int = 0
    create_index: int = 0
    modify_index: int = 0

    @property
    def state(self) -> str:
        """The object's status in Nomad's word; an allocation's is what its client says."""
        return self.client_status or self.status


NO_LINKS: Final = Links()
