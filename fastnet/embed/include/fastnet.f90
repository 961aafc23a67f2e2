! libfastnet from Fortran 2008: nets that net.save wrote, opened, evaluated and differentiated without Python.
!
!   gfortran -c $(pkg-config --variable=includedir fastnet)/fastnet.f90
!   gfortran main.f90 fastnet.o $(pkg-config --libs fastnet)
!
! A net is a type(c_ptr).  Functions have their names of C, with real(c_float) arrays in those of _f32 and
! real(c_double) in those of _f64.  Arrays are contiguous, of any rank, and hold a sample a column:
!
!   x(n_in, m)   y(n_out, m)   v(n_in, m)   u(n_out, m)   jacobian(n_in, n_out, m): jacobian(k, i, s) is dy(i, s)/dx(k, s)
!
! workspace is any array of integer(c_int8_t) of fastnet_workspace_size(net, m) bytes, one for every call under
! way; nothing else is allocated, and any number of threads may call at once.  fastnet.h says the rest, also what the
! functions named _checked check and return: the length of every array follows it.
module fastnet
    use, intrinsic :: iso_c_binding
    implicit none
    private
    public :: fastnet_open, fastnet_close, fastnet_open_message, fastnet_error_text
    public :: fastnet_net_precision, fastnet_net_n_layers, fastnet_net_size, fastnet_net_n_inputs, fastnet_net_n_outputs
    public :: fastnet_net_n_parameters, fastnet_workspace_size
    public :: fastnet_eval_f32, fastnet_eval_f32_checked
    public :: fastnet_eval_f64, fastnet_eval_f64_checked
    public :: fastnet_jacobian_f32, fastnet_jacobian_f32_checked
    public :: fastnet_jacobian_f64, fastnet_jacobian_f64_checked
    public :: fastnet_value_and_jacobian_f32, fastnet_value_and_jacobian_f32_checked
    public :: fastnet_value_and_jacobian_f64, fastnet_value_and_jacobian_f64_checked
    public :: fastnet_jvp_f32, fastnet_jvp_f32_checked
    public :: fastnet_jvp_f64, fastnet_jvp_f64_checked
    public :: fastnet_vjp_f32, fastnet_vjp_f32_checked
    public :: fastnet_vjp_f64, fastnet_vjp_f64_checked

    integer(c_int), parameter, public :: fastnet_f32 = 32, fastnet_f64 = 64
    integer(c_int), parameter, public :: fastnet_ok = 0, fastnet_error_null = 1, fastnet_error_precision = 2, &
        fastnet_error_size = 3, fastnet_error_workspace = 4, fastnet_error_alignment = 5, fastnet_error_overlap = 6, &
        fastnet_error_layers = 7, fastnet_error_activation = 8, fastnet_error_cost = 9, fastnet_error_rate = 10, &
        fastnet_error_file = 11, fastnet_error_format = 12, fastnet_error_version = 13, fastnet_error_damaged = 14, &
        fastnet_error_memory = 15, fastnet_error_level = 16

    interface
        integer(c_int) function c_open(path, net) bind(C, name="fastnet_open")
            import :: c_char, c_int, c_ptr
            character(kind=c_char), intent(in) :: path(*)
            type(c_ptr), intent(out) :: net
        end function

        type(c_ptr) function c_open_message() bind(C, name="fastnet_open_message")
            import :: c_ptr
        end function

        type(c_ptr) function c_error_text(code) bind(C, name="fastnet_error_text")
            import :: c_int, c_ptr
            integer(c_int), value :: code
        end function

        integer(c_size_t) function c_strlen(text) bind(C, name="strlen")
            import :: c_ptr, c_size_t
            type(c_ptr), value :: text
        end function

        ! Frees the net; a null pointer is nothing to do.
        subroutine fastnet_close(net) bind(C)
            import :: c_ptr
            type(c_ptr), value :: net
        end subroutine

        integer(c_int) function fastnet_net_precision(net) bind(C)
            import :: c_int, c_ptr
            type(c_ptr), value :: net
        end function

        integer(c_size_t) function fastnet_net_size(net, layer) bind(C)
            import :: c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: layer
        end function

        integer(c_size_t) function fastnet_net_n_layers(net) bind(C)
            import :: c_ptr, c_size_t
            type(c_ptr), value :: net
        end function

        integer(c_size_t) function fastnet_net_n_inputs(net) bind(C)
            import :: c_ptr, c_size_t
            type(c_ptr), value :: net
        end function

        integer(c_size_t) function fastnet_net_n_outputs(net) bind(C)
            import :: c_ptr, c_size_t
            type(c_ptr), value :: net
        end function

        integer(c_size_t) function fastnet_net_n_parameters(net) bind(C)
            import :: c_ptr, c_size_t
            type(c_ptr), value :: net
        end function

        integer(c_size_t) function c_workspace_size_f32(net, m) bind(C, name="fastnet_workspace_size_f32")
            import :: c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m
        end function

        integer(c_int) function fastnet_eval_f32(net, m, x, y, workspace) bind(C)
            import :: c_float, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m
            real(c_float), intent(in) :: x(*)
            real(c_float), intent(inout) :: y(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_eval_f32_checked(net, m, x, n_x, y, n_y, workspace, n_bytes) bind(C)
            import :: c_float, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m, n_x, n_y, n_bytes
            real(c_float), intent(in) :: x(*)
            real(c_float), intent(inout) :: y(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_jacobian_f32(net, m, x, jacobian, workspace) bind(C)
            import :: c_float, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m
            real(c_float), intent(in) :: x(*)
            real(c_float), intent(inout) :: jacobian(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_jacobian_f32_checked(net, m, x, n_x, jacobian, n_jacobian, workspace, &
            n_bytes) bind(C)
            import :: c_float, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m, n_x, n_jacobian, n_bytes
            real(c_float), intent(in) :: x(*)
            real(c_float), intent(inout) :: jacobian(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_value_and_jacobian_f32(net, m, x, y, jacobian, workspace) bind(C)
            import :: c_float, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m
            real(c_float), intent(in) :: x(*)
            real(c_float), intent(inout) :: y(*), jacobian(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_value_and_jacobian_f32_checked(net, m, x, n_x, y, n_y, jacobian, &
            n_jacobian, workspace, n_bytes) bind(C)
            import :: c_float, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m, n_x, n_y, n_jacobian, n_bytes
            real(c_float), intent(in) :: x(*)
            real(c_float), intent(inout) :: y(*), jacobian(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_jvp_f32(net, m, x, v, out, workspace) bind(C)
            import :: c_float, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m
            real(c_float), intent(in) :: x(*), v(*)
            real(c_float), intent(inout) :: out(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_jvp_f32_checked(net, m, x, n_x, v, n_v, out, n_out, workspace, &
            n_bytes) bind(C)
            import :: c_float, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m, n_x, n_v, n_out, n_bytes
            real(c_float), intent(in) :: x(*), v(*)
            real(c_float), intent(inout) :: out(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_vjp_f32(net, m, x, u, out, workspace) bind(C)
            import :: c_float, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m
            real(c_float), intent(in) :: x(*), u(*)
            real(c_float), intent(inout) :: out(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_vjp_f32_checked(net, m, x, n_x, u, n_u, out, n_out, workspace, &
            n_bytes) bind(C)
            import :: c_float, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m, n_x, n_u, n_out, n_bytes
            real(c_float), intent(in) :: x(*), u(*)
            real(c_float), intent(inout) :: out(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_size_t) function c_workspace_size_f64(net, m) bind(C, name="fastnet_workspace_size_f64")
            import :: c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m
        end function

        integer(c_int) function fastnet_eval_f64(net, m, x, y, workspace) bind(C)
            import :: c_double, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m
            real(c_double), intent(in) :: x(*)
            real(c_double), intent(inout) :: y(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_eval_f64_checked(net, m, x, n_x, y, n_y, workspace, n_bytes) bind(C)
            import :: c_double, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m, n_x, n_y, n_bytes
            real(c_double), intent(in) :: x(*)
            real(c_double), intent(inout) :: y(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_jacobian_f64(net, m, x, jacobian, workspace) bind(C)
            import :: c_double, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m
            real(c_double), intent(in) :: x(*)
            real(c_double), intent(inout) :: jacobian(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_jacobian_f64_checked(net, m, x, n_x, jacobian, n_jacobian, workspace, &
            n_bytes) bind(C)
            import :: c_double, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m, n_x, n_jacobian, n_bytes
            real(c_double), intent(in) :: x(*)
            real(c_double), intent(inout) :: jacobian(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_value_and_jacobian_f64(net, m, x, y, jacobian, workspace) bind(C)
            import :: c_double, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m
            real(c_double), intent(in) :: x(*)
            real(c_double), intent(inout) :: y(*), jacobian(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_value_and_jacobian_f64_checked(net, m, x, n_x, y, n_y, jacobian, &
            n_jacobian, workspace, n_bytes) bind(C)
            import :: c_double, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m, n_x, n_y, n_jacobian, n_bytes
            real(c_double), intent(in) :: x(*)
            real(c_double), intent(inout) :: y(*), jacobian(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_jvp_f64(net, m, x, v, out, workspace) bind(C)
            import :: c_double, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m
            real(c_double), intent(in) :: x(*), v(*)
            real(c_double), intent(inout) :: out(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_jvp_f64_checked(net, m, x, n_x, v, n_v, out, n_out, workspace, &
            n_bytes) bind(C)
            import :: c_double, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m, n_x, n_v, n_out, n_bytes
            real(c_double), intent(in) :: x(*), v(*)
            real(c_double), intent(inout) :: out(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_vjp_f64(net, m, x, u, out, workspace) bind(C)
            import :: c_double, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m
            real(c_double), intent(in) :: x(*), u(*)
            real(c_double), intent(inout) :: out(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function

        integer(c_int) function fastnet_vjp_f64_checked(net, m, x, n_x, u, n_u, out, n_out, workspace, &
            n_bytes) bind(C)
            import :: c_double, c_int, c_int8_t, c_ptr, c_size_t
            type(c_ptr), value :: net
            integer(c_size_t), value :: m, n_x, n_u, n_out, n_bytes
            real(c_double), intent(in) :: x(*), u(*)
            real(c_double), intent(inout) :: out(*)
            integer(c_int8_t), intent(inout) :: workspace(*)
        end function
    end interface

contains

    ! Opens the net in a file; an error code, and a null pointer for net, where that fails.
    integer(c_int) function fastnet_open(path, net) result(code)
        character(*), intent(in) :: path
        type(c_ptr), intent(out) :: net
        code = c_open(trim(path) // c_null_char, net)
    end function

    ! What the last fastnet_open of this thread found wrong, and where.
    function fastnet_open_message() result(text)
        character(:), allocatable :: text
        text = text_at(c_open_message())
    end function

    ! A sentence for an error code.
    function fastnet_error_text(code) result(text)
        integer(c_int), intent(in) :: code
        character(:), allocatable :: text
        text = text_at(c_error_text(code))
    end function

    ! Bytes of work space that any call on m samples, or fewer, takes.
    integer(c_size_t) function fastnet_workspace_size(net, m) result(n_bytes)
        type(c_ptr), intent(in) :: net
        integer(c_size_t), intent(in) :: m
        if (fastnet_net_precision(net) == fastnet_f32) then
            n_bytes = c_workspace_size_f32(net, m)
        else
            n_bytes = c_workspace_size_f64(net, m)
        end if
    end function

    function text_at(start) result(text)
        type(c_ptr), intent(in) :: start
        character(:), allocatable :: text
        character(kind=c_char), pointer :: letters(:)
        integer(c_size_t) :: i
        call c_f_pointer(start, letters, [c_strlen(start)])
        allocate (character(size(letters)) :: text)
        do i = 1, size(letters)
            text(i:i) = letters(i)
        end do
    end function
end module fastnet
