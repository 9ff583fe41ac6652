"""Demonstrates a provider's faults on purpose, in virtual time: a rate limit, a hanging answer, a cut stream."""

import anyio

from tickwright.plugins.providers import Answer, Scripted, run_in_virtual_time
from tickwright.systems.generation.provider import ProviderError, Request, Timeouts, with_timeouts

provider = Scripted(
    [
        Answer(fault="rate_limited", retry_after_s=30),
        Answer("never heard", fault="hang"),
        Answer("The tide tur", chunk_size=4, fault="cut", fault_at=2),
        Answer("The tide turns.", chunk_size=5, first_s=2, delay_s=1),
    ]
)


async def main() -> None:
    request = Request(model="scripted", prompt="When does the tide turn?", timeouts=Timeouts(first_token_s=60))
    while True:
        try:
            async for delta in with_timeouts(provider.stream(request), request.timeouts):
                if delta.text:
                    print(f"{anyio.current_time():5.0f} s  {delta.text!r}")
            return
        except ProviderError as error:
            print(f"{anyio.current_time():5.0f} s  {type(error).__name__}: {error.what}, retryable: {error.retryable}")
            await anyio.sleep(error.retry_after_s or 5)


run_in_virtual_time(main)
print(f"asked {len(provider.requests)} times, {provider.open} streams open")

# Output:
#     0 s  RateLimitedError: too many requests, retryable: True
#    90 s  ProviderTimeoutError: no token came within 60 s, retryable: True
#    95 s  'The '
#    95 s  'tide'
#    95 s  StreamCutError: the stream ended early, retryable: True
#   102 s  'The t'
#   103 s  'ide t'
#   104 s  'urns.'
# asked 4 times, 0 streams open
