"""The report of a comparison: one self-contained HTML page, made from its summary alone."""

from dicetune.reporting.html import REPORT_FILE, render, write_report

__all__ = ["REPORT_FILE", "render", "write_report"]
