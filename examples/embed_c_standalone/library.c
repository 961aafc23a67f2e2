/* The same pendulum through libfastnet: the net is read from the file that net.save wrote, and its Jacobian
 * serves Newton's method in the implicit midpoint rule.  Exit code 1 if it drifts from the true pendulum. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <fastnet.h>

/* One step of h: the state m in its middle has m = state + h/2 (velocity, acceleration)(m). */
static void step(const fastnet_net *net, void *workspace, double state[2], double h)
{
    double m[2] = {state[0], state[1]}, a, slope[2];
    for (int i = 0; i < 4; i++) {
        fastnet_value_and_jacobian_f64(net, 1, m, &a, slope, workspace);
        const double r0 = state[0] + h / 2 * m[1] - m[0], r1 = state[1] + h / 2 * a - m[1];
        /* (1, -h/2; -h/2 slope0, 1 - h/2 slope1) d = r */
        const double c = -h / 2 * slope[0], d = 1 - h / 2 * slope[1], determinant = d + h / 2 * c;
        m[0] += (d * r0 + h / 2 * r1) / determinant;
        m[1] += (r1 - c * r0) / determinant;
    }
    state[0] = 2 * m[0] - state[0];
    state[1] = 2 * m[1] - state[1];
}

static void true_step(double state[2], double h)
{
    const double angle = state[0] + h / 2 * state[1], velocity = state[1] + h / 2 * (-sin(state[0]) - 0.1 * state[1]);
    state[0] += h * velocity;
    state[1] += h * (-sin(angle) - 0.1 * velocity);
}

int main(int argc, char **argv)
{
    fastnet_net *net;
    const int code = fastnet_open(argc > 1 ? argv[1] : "pendulum.safetensors", &net);
    if (code) {
        fprintf(stderr, "error %d: %s\n", code, fastnet_open_message());
        return 2;
    }
    if (fastnet_net_precision(net) != FASTNET_F64 || fastnet_net_n_inputs(net) != 2 || fastnet_net_n_outputs(net) != 1) {
        fprintf(stderr, "a net of 2 inputs and 1 output in double precision is needed\n");
        return 2;
    }
    void *workspace = malloc(fastnet_workspace_size_f64(net, 1));
    double state[2] = {1, 0}, truth[2] = {1, 0}, apart = 0;
    for (int i = 0; workspace && i < 100; i++) {
        step(net, workspace, state, 0.1);
        for (int j = 0; j < 100; j++)
            true_step(truth, 0.001);
        apart = fmax(apart, fabs(state[0] - truth[0]));
    }
    printf("libfastnet, implicit steps of 0.1 s: after 10 s %.4f, true %.4f, largest difference %.4f\n", state[0], truth[0], apart);
    free(workspace);
    fastnet_close(net);
    return !(apart <= 0.02);
}
