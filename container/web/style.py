"""What all our pages look like, so that they are one product: colours, letters, the header, notices."""

from pathlib import Path

PAGE_STYLE = (Path(__file__).parent / "static" / "page.css").read_bytes()
