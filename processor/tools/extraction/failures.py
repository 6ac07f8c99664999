"""What a task reports when it fails, and the warnings of yt-dlp that explain it."""
import yt_dlp
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import ExtractorError

MAX_WARNINGS = 20
# What yt-dlp adds to every response without formats, whatever the reason.
EMPTY_SAYINGS = ('No video formats found!', 'Requested format is not available')


class Log:
    """Keeps what yt-dlp would print."""

    def __init__(self):
        self.warnings = []

    def debug(self, _message):
        pass

    def info(self, _message):
        pass

    def warning(self, message, **_options):
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(message)

    def error(self, _message):
        pass


class Failure(Exception):
    """A failure that yt-dlp does not raise itself; `kind` takes the place of an exception's class."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def no_formats(log):
    """The reason is among the warnings: extractors only warn, because missing formats are set to be ignored."""
    reasons = [text for text in log.warnings if not any(saying in text for saying in EMPTY_SAYINGS)]
    return Failure('NoFormats', '\n'.join(reasons) or EMPTY_SAYINGS[0])


def chain_of(error):
    """The exception and all its causes, the outermost first."""
    seen = []
    pending = [error]
    while pending:
        current = pending.pop(0)
        if not isinstance(current, BaseException) or current in seen:
            continue
        seen.append(current)
        exc_info = getattr(current, 'exc_info', None)
        pending += [exc_info[1] if exc_info else None, getattr(current, 'cause', None),
                    current.__cause__, current.__context__]
    return seen


def failure_of(error, log):
    if isinstance(error, Failure):
        return {'type': error.kind, 'message': str(error), 'expected': True, 'warnings': log.warnings}
    chain = chain_of(error)
    main = next((item for item in chain if isinstance(item, ExtractorError)), None) or next(
        (item for item in chain if not isinstance(item, yt_dlp.DownloadError)), error)
    cause = getattr(main, 'cause', None)
    http_error = next((item for item in (main, cause) if isinstance(item, HTTPError)), None)
    retry_after = http_error.response.headers.get('Retry-After') if http_error else None
    return {
        'type': type(main).__name__,
        'message': str(getattr(main, 'msg', None) or main or type(main).__name__),
        'expected': bool(getattr(main, 'expected', False)),
        'httpStatus': http_error.status if http_error else None,
        'httpReason': http_error.reason if http_error else None,
        'retryAfter': retry_after,
        'countries': getattr(main, 'countries', None),
        'cause': type(cause).__name__ if cause else None,
        'errno': next((item.errno for item in chain if isinstance(item, OSError) and item.errno), None),
        'warnings': log.warnings,
    }
