! Every function of the module fastnet once; the test compares what is printed.  REAL_KIND and _FP are replaced.
program calls
    use, intrinsic :: iso_c_binding
    use fastnet
    implicit none
    integer(c_size_t), parameter :: m = 2
    type(c_ptr) :: net
    real(REAL_KIND) :: x(3, m), v(3, m), u(2, m), y(2, m), again(2, m), jacobian(3, 2, m), jv(2, m), uj(3, m)
    integer(c_int8_t), allocatable :: workspace(:)
    integer(c_int) :: code
    integer(c_size_t) :: i
    code = fastnet_open("missing.safetensors", net)
    if (code /= fastnet_error_file .or. c_associated(net)) error stop 1
    print '(a)', fastnet_open_message()
    print '(a)', fastnet_error_text(fastnet_error_size)
    if (fastnet_open("net.safetensors", net) /= fastnet_ok) error stop 2
    if (fastnet_net_n_inputs(net) /= 3 .or. fastnet_net_n_outputs(net) /= 2 .or. fastnet_net_n_layers(net) /= 2) error stop 3
    if (fastnet_net_size(net, 1_c_size_t) /= 9 .or. fastnet_net_n_parameters(net) /= 56) error stop 4
    allocate (workspace(fastnet_workspace_size(net, m)))
    x = reshape([0.1_REAL_KIND, 0.2_REAL_KIND, 0.3_REAL_KIND, -0.4_REAL_KIND, 0.5_REAL_KIND, 0.6_REAL_KIND], [3, 2])
    v = 1
    u(1, :) = 1
    u(2, :) = 2
    if (fastnet_eval_FP(net, m, x, y, workspace) /= fastnet_ok) error stop 5
    if (fastnet_jacobian_FP(net, m, x, jacobian, workspace) /= fastnet_ok) error stop 6
    if (fastnet_value_and_jacobian_FP(net, m, x, again, jacobian, workspace) /= fastnet_ok) error stop 7
    if (fastnet_jvp_FP(net, m, x, v, jv, workspace) /= fastnet_ok) error stop 8
    if (fastnet_vjp_FP(net, m, x, u, uj, workspace) /= fastnet_ok) error stop 9
    if (maxval(abs(y - again)) > 100 * epsilon(y)) error stop 10
    if (fastnet_eval_FP_checked(net, m, x, 6_c_size_t, y, 4_c_size_t, workspace, size(workspace, kind=c_size_t)) /= fastnet_ok) &
        error stop 11
    if (fastnet_eval_FP_checked(net, m, x, 5_c_size_t, y, 4_c_size_t, workspace, size(workspace, kind=c_size_t)) &
        /= fastnet_error_size) error stop 12
    call fastnet_close(net)
    print *, y
    print *, ((jacobian(:, code, i), code = 1, 2), i = 1, m)
    print *, jv
    print *, uj
end program calls
