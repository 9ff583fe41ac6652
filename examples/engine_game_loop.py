"""Demonstrates a fixed-rate game loop: physics at 50 Hz whatever the frames take, drawing in between."""

from tickwright.ecs_core import App, FixedTime, FixedUpdate, Last, ManualClock, Res, ResMut, Time


class Ball:
    def __init__(self) -> None:
        self.height_m = 10.0
        self.speed_m_s = 0.0
        self.steps = 0


def fall(ball: ResMut[Ball], time: Res[Time]) -> None:
    ball.speed_m_s -= 9.81 * time.delta_s
    ball.height_m += ball.speed_m_s * time.delta_s
    ball.steps += 1


def draw(ball: Res[Ball], fixed: Res[FixedTime]) -> None:
    print(f"{ball.height_m:.2f} m after {ball.steps} steps, {fixed.overstep:.0%} into the next")


with App(clock=ManualClock()) as app:
    app.insert_resource(Ball()).insert_resource(FixedTime(step_s=0.02))
    app.add_systems(FixedUpdate, fall).add_systems(Last, draw)
    for frame_s in (0.016, 0.016, 0.05, 0.1):
        app.update(dt_s=frame_s)

# Output:
# 10.00 m after 0 steps, 80% into the next
# 10.00 m after 1 steps, 60% into the next
# 9.96 m after 4 steps, 10% into the next
# 9.82 m after 9 steps, 10% into the next
