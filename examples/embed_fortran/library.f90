! The same force through libfastnet: the net is read from the file that net.save wrote.
program force_by_the_library
    use, intrinsic :: iso_c_binding
    use fastnet
    implicit none
    type(c_ptr) :: net
    integer(c_size_t), parameter :: m = 1
    integer(c_int8_t), allocatable :: workspace(:)
    real(c_double) :: x(2), energy(1), gradient(2, 1)
    if (fastnet_open('potential.safetensors', net) /= fastnet_ok) then
        print '(a)', fastnet_open_message()
        error stop 'the net cannot be opened'
    end if
    allocate (workspace(fastnet_workspace_size(net, m)))
    x = [0.5_c_double, -0.5_c_double]
    if (fastnet_value_and_jacobian_f64_checked(net, m, x, 2_c_size_t, energy, 1_c_size_t, gradient, 2_c_size_t, &
                                           workspace, size(workspace, kind=c_size_t)) /= fastnet_ok) error stop 'wrong sizes'
    call fastnet_close(net)
    print '(a, f8.4, a, 2f8.4)', 'libfastnet: energy ', energy(1), ', force ', -gradient(:, 1)
    if (abs(energy(1) - 0.1875_c_double) > 0.02_c_double) error stop 'the energy is far off'
    if (maxval(abs(gradient(:, 1) - [0.25_c_double, -0.5_c_double])) > 0.1_c_double) error stop 'the force is far off'
end program force_by_the_library
