"""`headstart report`: the page of one run, or a comparison of several."""

from rich.console import Console

from headstart.errors import InputError
from headstart.options import Report


def run(options: Report) -> int:
    """Writes the page and prints where it is."""
    if not options.folders:
        raise InputError("report: name at least one run folder, such as runs/transfer-hopper-20260101-120000")
    if len(options.folders) == 1:
        from headstart.report.imitation import is_imitation, write_imitation_report
        from headstart.report.page import write_report

        page = (write_imitation_report if is_imitation(options.folders[0]) else write_report)(options.folders[0])
    else:
        from headstart.report.compare import write_comparison

        page = write_comparison(options.folders)
    Console().print(str(page), highlight=False, soft_wrap=True)
    return 0
