/* Follows the surrogate by the classical Runge-Kutta method, 4th order: main STEP N EVERY X Y Z prints t and the
 * state every so many of N steps.  No Python, no fastnet: lorenz_net.c is all there is. */
#include <stdio.h>
#include <stdlib.h>

#include "lorenz_net.h"

enum { N = 3 };

static void runge_kutta(double step, double x[N])
{
    static const double at[4] = {0, 0.5, 0.5, 1}, weight[4] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
    double slope[N] = {0}, sum[N] = {0}, here[N];
    for (int stage = 0; stage < 4; stage++) {
        for (int i = 0; i < N; i++)
            here[i] = x[i] + at[stage] * step * slope[i];
        lorenz_net_value(here, slope);
        for (int i = 0; i < N; i++)
            sum[i] += weight[stage] * slope[i];
    }
    for (int i = 0; i < N; i++)
        x[i] += step * sum[i];
}

int main(int argc, char **argv)
{
    if (argc != 7)
        return 1;
    const double step = atof(argv[1]);
    const long n = atol(argv[2]), every = atol(argv[3]);
    double x[N] = {atof(argv[4]), atof(argv[5]), atof(argv[6])};
    for (long i = 0; i <= n; i++) {
        if (i % every == 0)
            printf("%.17g %.17g %.17g %.17g\n", (double)i * step, x[0], x[1], x[2]);
        runge_kutta(step, x);
    }
    return 0;
}
