/* A pendulum whose acceleration is the net: 10 seconds by the midpoint rule, beside the
 * same steps with the true acceleration.  Exit code 1 if they drift apart by more than 0.01. */
#include <math.h>
#include <stdio.h>

#include "pendulum.h"

static double by_net(double angle, double velocity)
{
    const double x[PENDULUM_N_IN] = {angle, velocity};
    double y[PENDULUM_N_OUT];
    pendulum_value(x, y);
    return y[0];
}

static double exactly(double angle, double velocity)
{
    return -sin(angle) - 0.1 * velocity;
}

static void step(double state[2], double h, double (*acceleration)(double, double))
{
    const double angle = state[0] + h / 2 * state[1];
    const double velocity = state[1] + h / 2 * acceleration(state[0], state[1]);
    state[0] += h * velocity;
    state[1] += h * acceleration(angle, velocity);
}

int main(void)
{
    double net[2] = {1, 0}, truth[2] = {1, 0}, apart = 0;
    for (int i = 0; i < 1000; i++) {
        step(net, 0.01, by_net);
        step(truth, 0.01, exactly);
        apart = fmax(apart, fabs(net[0] - truth[0]));
    }
    printf("after 10 s: net %.4f, true %.4f, largest difference %.4f\n", net[0], truth[0], apart);
    return !(apart <= 0.01);
}
