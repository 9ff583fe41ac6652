"""Demonstrates a web server in front of an app: requests are posted as events, answers wait for their tick."""

import asyncio
from dataclasses import dataclass

from tickwright.ecs_core import App, EventReader, ManualClock, ResMut, Update


class Visits:
    def __init__(self) -> None:
        self.count = 0


@dataclass(frozen=True)
class Visited:
    path: str
    answer: asyncio.Future


def serve(requests: EventReader[Visited], visits: ResMut[Visits]) -> None:
    for request in requests:
        visits.count += 1
        request.answer.set_result(f"{request.path} is visit {visits.count}")


async def main() -> None:
    async with App(clock=ManualClock()) as app:
        app.insert_resource(Visits()).add_systems(Update, serve)

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            path = (await reader.readline()).split()[1].decode()
            answer = asyncio.get_running_loop().create_future()
            app.post(Visited(path, answer))
            await app.pump_until(answer.done)
            body = answer.result()
            writer.write(f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            for path in ("/home", "/about"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                print((await reader.read()).decode().splitlines()[-1])
                writer.close()
                await writer.wait_closed()


asyncio.run(main())

# Output:
# /home is visit 1
# /about is visit 2
