/* The functions of fastnet.h: each goes to the kernels that its net or model was made for (calls.inc). */
#include <string.h>

#include "fastnet_kernels.h"

const char *fastnet_error_text(int code)
{
    switch (code) {
    case FASTNET_OK: return "no error";
    case FASTNET_ERROR_NULL: return "a pointer is NULL that must not be";
    case FASTNET_ERROR_PRECISION: return "the net or model is of another precision than the function";
    case FASTNET_ERROR_SIZE: return "an array does not have the length that m samples need";
    case FASTNET_ERROR_WORKSPACE: return "the work space, or the memory of a model, is too small";
    case FASTNET_ERROR_ALIGNMENT: return "an array does not start at a multiple of the size of its values";
    case FASTNET_ERROR_OVERLAP: return "memory that is written overlaps another argument";
    case FASTNET_ERROR_LAYERS: return "sizes must hold two positive numbers or more, and the parameters fit into memory";
    case FASTNET_ERROR_ACTIVATION: return "no such activation, or softmax below the output layer";
    case FASTNET_ERROR_COST: return "no such cost, or its parameter or the number of outputs does not suit it";
    case FASTNET_ERROR_RATE: return "the learning rate must be finite";
    case FASTNET_ERROR_FILE: return "the file cannot be read";
    case FASTNET_ERROR_FORMAT: return "not a file that fastnet saved";
    case FASTNET_ERROR_VERSION: return "saved by a newer fastnet in a way that this one cannot read";
    case FASTNET_ERROR_DAMAGED: return "the file is damaged";
    case FASTNET_ERROR_MEMORY: return "no memory";
    case FASTNET_ERROR_LEVEL: return "FASTNET_CPU must name an instruction level that this processor has";
    default: return "unknown error code";
    }
}

/* -- what a net is -------------------------------------------------------------- */

int fastnet_net_precision(const fastnet_net *net)
{
    return net ? net->precision : 0;
}

size_t fastnet_net_n_layers(const fastnet_net *net)
{
    return net ? net->n_layers : 0;
}

size_t fastnet_net_size(const fastnet_net *net, size_t layer)
{
    return !net || layer > net->n_layers ? 0 : layer ? net->layer[layer - 1].n : net->layer[0].p;
}

size_t fastnet_net_n_inputs(const fastnet_net *net)
{
    return fastnet_net_size(net, 0);
}

size_t fastnet_net_n_outputs(const fastnet_net *net)
{
    return net ? fastnet_net_size(net, net->n_layers) : 0;
}

size_t fastnet_net_n_parameters(const fastnet_net *net)
{
    size_t count = 0;
    for (size_t l = 0; net && l < net->n_layers; l++)
        count += (net->layer[l].p + 1) * net->layer[l].n;
    return count;
}

/* -- what a model is ------------------------------------------------------------ */

int fastnet_model_precision(const fastnet_model *model)
{
    return model ? model->precision : 0;
}

size_t fastnet_model_n_layers(const fastnet_model *model)
{
    return model ? (size_t)model->layout.n_layers : 0;
}

size_t fastnet_model_size(const fastnet_model *model, size_t layer)
{
    return !model || layer > (size_t)model->layout.n_layers ? 0 : (size_t)model->layout.sizes[layer];
}

size_t fastnet_model_n_inputs(const fastnet_model *model)
{
    return fastnet_model_size(model, 0);
}

size_t fastnet_model_n_outputs(const fastnet_model *model)
{
    return model ? fastnet_model_size(model, (size_t)model->layout.n_layers) : 0;
}

size_t fastnet_model_n_targets(const fastnet_model *model)
{
    return model ? (size_t)model->layout.cost.n_targets : 0;
}

size_t fastnet_model_n_parameters(const fastnet_model *model)
{
    return model ? (size_t)model->layout.n_parameters : 0;
}

static int code_of(const char *name, const char *(*name_of)(int))
{
    for (int code = 0; name && name_of(code); code++)
        if (strcmp(name, name_of(code)) == 0)
            return code;
    return -1;
}

int fastnet_activation_code(const char *name)
{
    return code_of(name, fastnet_activation_name);
}

int fastnet_cost_code(const char *name)
{
    return code_of(name, fastnet_cost_name);
}

/* -- making a model --------------------------------------------------------------- */

/* Bytes beyond which no model goes: its work space for a sample can then be counted too. */
#define MOST_BYTES (PTRDIFF_MAX / 4096)

size_t fastnet_model_bytes(size_t n_layers)
{
    const size_t each = 3 * sizeof(ptrdiff_t) + sizeof(int);
    return n_layers > MOST_BYTES / each ? (size_t)-1
                                        : sizeof(fastnet_model) + sizeof(ptrdiff_t) + n_layers * each;
}

/* The number of parameters, or 0 where the layers are not possible. */
static size_t count_parameters(size_t n_layers, const size_t *sizes)
{
    const size_t most = MOST_BYTES / sizeof(double);
    size_t count = 0;
    for (size_t l = 0; l < n_layers; l++) {
        const size_t p = sizes[l], n = sizes[l + 1];
        if (p == 0 || n == 0 || p >= most || n > (most - count) / (p + 1))
            return 0;
        count += (p + 1) * n;
    }
    return count;
}

static int check_cost(int cost, double parameter, size_t n_out)
{
    if (cost < 0 || cost >= FASTNET_N_COSTS)
        return FASTNET_ERROR_COST;
    const int fits = cost == FASTNET_huber      ? parameter > 0 && parameter - parameter == 0
                     : cost == FASTNET_quantile ? parameter > 0 && parameter < 1
                                                : parameter == 0;
    return fits && (cost != FASTNET_gaussian_nll || n_out % 2 == 0) ? FASTNET_OK : FASTNET_ERROR_COST;
}

static int check_model(
    const fastnet_model *model, size_t n_bytes, int precision, size_t n_layers, const size_t *sizes, const int *activations,
    int cost, double cost_parameter)
{
    if (!model || !sizes || !activations)
        return FASTNET_ERROR_NULL;
    if (precision != FASTNET_F32 && precision != FASTNET_F64)
        return FASTNET_ERROR_PRECISION;
    if (n_layers == 0 || fastnet_model_bytes(n_layers) == (size_t)-1)
        return FASTNET_ERROR_LAYERS;
    if (n_bytes < fastnet_model_bytes(n_layers))
        return FASTNET_ERROR_WORKSPACE;
    if ((uintptr_t)model % sizeof(void *))
        return FASTNET_ERROR_ALIGNMENT;
    if (!count_parameters(n_layers, sizes))
        return FASTNET_ERROR_LAYERS;
    for (size_t l = 0; l < n_layers; l++)
        if (!fastnet_activation_name(activations[l]) || (l + 1 < n_layers && fastnet_activation_by_row(activations[l])))
            return FASTNET_ERROR_ACTIVATION;
    return check_cost(cost, cost_parameter, sizes[n_layers]);
}

int fastnet_model_init(
    fastnet_model *model, size_t n_bytes, int precision, size_t n_layers, const size_t *sizes, const int *activations,
    int cost, double cost_parameter)
{
    const int error = check_model(model, n_bytes, precision, n_layers, sizes, activations, cost, cost_parameter);
    if (error)
        return error;
    fastnet_layout *layout = &model->layout;
    memset(model, 0, sizeof *model);
    model->precision = precision;
    model->kernels = precision == FASTNET_F32 ? (const void *)fastnet_f32 : (const void *)fastnet_f64;
    layout->n_layers = (ptrdiff_t)n_layers;
    layout->sizes = (ptrdiff_t *)(model + 1);
    layout->w = layout->sizes + n_layers + 1;
    layout->b = layout->w + n_layers;
    layout->activation = (int *)(layout->b + n_layers);
    layout->cost.kind = cost;
    layout->cost.parameter = cost_parameter;
    layout->cost.n_targets = (ptrdiff_t)(cost == FASTNET_gaussian_nll ? sizes[n_layers] / 2 : sizes[n_layers]);
    layout->sizes[0] = (ptrdiff_t)sizes[0];
    for (size_t l = 0; l < n_layers; l++) {
        layout->sizes[l + 1] = (ptrdiff_t)sizes[l + 1];
        layout->activation[l] = activations[l];
        layout->w[l] = layout->n_parameters;
        layout->b[l] = layout->w[l] + layout->sizes[l + 1] * layout->sizes[l];
        layout->n_parameters = layout->b[l] + layout->sizes[l + 1];
    }
    return FASTNET_OK;
}

/* -- what checked functions check --------------------------------------------------- */

enum { READ, WRITTEN, WRITTEN_OR_NULL };

typedef struct {
    const void *at;
    size_t length, wanted;     /* values: given, and needed */
    size_t item;               /* bytes of a value, which its address is a multiple of */
    int use;
} buffer;

static size_t times(size_t m, size_t n)
{
    return n && m > (size_t)-1 / n ? (size_t)-1 : m * n;
}

static int apart(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
    const uintptr_t start = (uintptr_t)a, other = (uintptr_t)b;
    return !a || !b || a_bytes == 0 || b_bytes == 0 || (start < other ? other - start >= a_bytes : start - other >= b_bytes);
}

/* Whether a call on m samples may touch its arrays and its work space. */
static int check_buffers(
    size_t count, const buffer *buffers, size_t m, const void *workspace, size_t n_bytes, size_t wanted_bytes)
{
    for (const buffer *b = buffers; b < buffers + count; b++) {
        if (b->length != b->wanted || b->length > PTRDIFF_MAX / b->item)
            return FASTNET_ERROR_SIZE;
        if (!b->at && b->length && b->use != WRITTEN_OR_NULL)
            return FASTNET_ERROR_NULL;
        if ((uintptr_t)b->at % b->item)
            return FASTNET_ERROR_ALIGNMENT;
    }
    if (m && !workspace)
        return FASTNET_ERROR_NULL;
    if (m && n_bytes < wanted_bytes)
        return FASTNET_ERROR_WORKSPACE;
    for (const buffer *b = buffers; b < buffers + count; b++) {
        if (!apart(b->at, b->length * b->item, workspace, wanted_bytes))
            return FASTNET_ERROR_OVERLAP;
        for (const buffer *other = buffers; other < buffers + count; other++)
            if (other != b && b->use != READ && !apart(b->at, b->length * b->item, other->at, other->length * other->item))
                return FASTNET_ERROR_OVERLAP;
    }
    return FASTNET_OK;
}

#define COST_OUT {cost, 1, 1, sizeof(double), WRITTEN_OR_NULL}

#define REAL float
#define P f32
#define BITS FASTNET_F32
#include "calls.inc"
#undef REAL
#undef P
#undef BITS

#define REAL double
#define P f64
#define BITS FASTNET_F64
#include "calls.inc"

#define ENTRY(type, name, arguments) fastnet_##name,
const fastnet_api fastnet_api_table = {FASTNET_API_VERSION, sizeof(fastnet_api), FASTNET_FUNCTIONS(ENTRY)};
