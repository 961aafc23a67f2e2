! Energy and force of a potential that is a net, at one point; ends with an error if they are far off.
program force_from_a_net
    use potential, only: wp, value_and_jacobian
    implicit none
    real(wp) :: x(2), energy(1), gradient(1, 2)
    x = [0.5_wp, -0.5_wp]
    call value_and_jacobian(x, energy, gradient)
    print '(a, f8.4, a)', 'energy ', energy(1), '  (0.1875 without the net)'
    print '(a, 2f8.4, a)', 'force  ', -gradient(1, :), '  (-0.2500 0.5000 without the net)'
    if (abs(energy(1) - 0.1875_wp) > 0.02_wp) error stop 'the energy is far off'
    if (maxval(abs(gradient(1, :) - [0.25_wp, -0.5_wp])) > 0.1_wp) error stop 'the force is far off'
end program force_from_a_net
