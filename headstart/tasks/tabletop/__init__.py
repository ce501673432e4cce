"""A table-top world in MuJoCo: a mobile gripper that clears a table, lays one, and builds pyramids of glasses."""

from headstart.tasks.tabletop.tasks import ClearTable, Pyramid, SetTable, TableTask
from headstart.tasks.tabletop.world import Standing, TableState, TableTop

__all__ = ["ClearTable", "Pyramid", "SetTable", "Standing", "TableState", "TableTask", "TableTop"]
