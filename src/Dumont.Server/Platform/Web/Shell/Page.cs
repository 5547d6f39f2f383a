using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Rendering;
using Microsoft.AspNetCore.Components.Web;

namespace Dumont.Server.Platform.Web.Shell;

/// <summary>Renders Razor components to HTML: whole pages, and the fragments that keep them up to date.</summary>
internal static class Page
{
    /// <summary>An answer that shows <typeparamref name="TPage"/>.</summary>
    public static IResult Show<TPage>(HttpContext context, object? parameters = null, int status = StatusCodes.Status200OK)
        where TPage : IComponent =>
        new Result(FrameOf(context), typeof(TPage), ParametersOf(parameters), status);

    /// <summary>After a form: the browser gets the page, and its reload button repeats nothing.</summary>
    public static IResult GoTo(string path) => new SeeOther(path);

    /// <summary>As <see cref="GoTo(string)"/>, with a sentence for the top of the page.</summary>
    public static IResult GoTo(HttpContext context, string path, string notice)
    {
        Notice.Leave(context, isProblem: false, notice);
        return new SeeOther(path);
    }

    /// <summary>Back to a page that says what went wrong.</summary>
    public static IResult GoTo(HttpContext context, string path, Problem problem)
    {
        Notice.Leave(context, isProblem: true, ProblemTexts.Of(new Ui(Language.Of(context.Request)), problem));
        return new SeeOther(path);
    }

    /// <summary>The HTML of one component.</summary>
    public static async Task<string> FragmentAsync<TComponent>(IServiceProvider services, Ui ui, object? parameters = null)
        where TComponent : IComponent
    {
        await using var renderer = new HtmlRenderer(services, services.GetRequiredService<ILoggerFactory>());
        return await renderer.Dispatcher.InvokeAsync(async () =>
            (await renderer.RenderComponentAsync<Root>(Root.With(ui, typeof(TComponent), ParametersOf(parameters)))).ToHtmlString());
    }

    /// <summary>Renders many fragments at the cost of one renderer.</summary>
    public static async Task<T> FragmentsAsync<T>(IServiceProvider services, Ui ui, Func<FragmentRenderer, Task<T>> render)
    {
        await using var renderer = new HtmlRenderer(services, services.GetRequiredService<ILoggerFactory>());
        return await renderer.Dispatcher.InvokeAsync(() => render(new FragmentRenderer(renderer, ui)));
    }

    /// <summary>Whether the client is a browser that wants to show something, rather than a program that reads JSON.</summary>
    public static bool IsWanted(HttpRequest request) =>
        !request.Path.StartsWithSegments("/api", StringComparison.Ordinal)
        && request.Headers.Accept.Any(value => value?.Contains("text/html", StringComparison.OrdinalIgnoreCase) == true);

    /// <summary>What the page is given about who looks.</summary>
    public static Frame FrameOf(HttpContext context) => new(Language.Of(context.Request))
    {
        Theme = Preferences.ThemeOf(context.Request),
        Email = Security.Caller.Of(context.User) is { } caller ? caller.Email : null,
        Here = context.Request.Path + context.Request.QueryString,
        FormToken = context.RequestServices.GetRequiredService<FormTokens>().Of(context),
        RequestId = context.TraceIdentifier,
        Notice = Notice.Take(context),
        Origin = $"{context.Request.Scheme}://{context.Request.Host}",
    };

    private static Dictionary<string, object?> ParametersOf(object? parameters) =>
        parameters?.GetType().GetProperties().ToDictionary(property => property.Name, property => property.GetValue(parameters)) ?? [];

    private sealed class SeeOther(string path) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
            httpContext.Response.Headers.Location = path;
            return Task.CompletedTask;
        }
    }

    private sealed class Result(Frame frame, Type page, Dictionary<string, object?> parameters, int status) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.StatusCode = status;
            response.ContentType = "text/html; charset=utf-8";
            response.Headers.CacheControl = "no-store";
            response.Headers.Vary = "Cookie, Accept-Language";
            await using var renderer = new HtmlRenderer(httpContext.RequestServices, httpContext.RequestServices.GetRequiredService<ILoggerFactory>());
            await renderer.Dispatcher.InvokeAsync(async () =>
            {
                var root = await renderer.RenderComponentAsync<Root>(Root.With(frame, page, parameters));
                using var writer = new Utf8Writer(response.BodyWriter);
                writer.Write("<!doctype html>\n");
                root.WriteHtmlTo(writer);
            });
            await response.BodyWriter.FlushAsync(httpContext.RequestAborted);
        }
    }

    /// <summary>Gives a component, and all below it, the <see cref="Ui"/>.</summary>
    internal sealed class Root : ComponentBase
    {
        [Parameter]
        public Ui Ui { get; set; } = null!;

        [Parameter]
        public Type Component { get; set; } = null!;

        [Parameter]
        public Dictionary<string, object?> Parameters { get; set; } = null!;

        public static ParameterView With(Ui ui, Type component, Dictionary<string, object?> parameters) =>
            ParameterView.FromDictionary(new Dictionary<string, object?> { [nameof(Ui)] = ui, [nameof(Component)] = component, [nameof(Parameters)] = parameters });

        protected override void BuildRenderTree(RenderTreeBuilder builder)
        {
            builder.OpenComponent<CascadingValue<Ui>>(0);
            builder.AddComponentParameter(1, nameof(CascadingValue<Ui>.Value), Ui);
            builder.AddComponentParameter(2, nameof(CascadingValue<Ui>.IsFixed), true);
            builder.AddComponentParameter(3, nameof(CascadingValue<Ui>.ChildContent), (RenderFragment)(inner =>
            {
                inner.OpenComponent(0, Component);
                inner.AddMultipleAttributes(1, Parameters!);
                inner.CloseComponent();
            }));
            builder.CloseComponent();
        }
    }

    /// <summary>Renders fragments one after the other.</summary>
    internal sealed class FragmentRenderer(HtmlRenderer renderer, Ui ui)
    {
        public async Task<string> RenderAsync<TComponent>(params (string Name, object? Value)[] parameters)
            where TComponent : IComponent =>
            (await renderer.RenderComponentAsync<Root>(
                Root.With(ui, typeof(TComponent), parameters.ToDictionary(parameter => parameter.Name, parameter => parameter.Value)))).ToHtmlString();
    }

    // Encodes straight into the response's buffers; they are sent by the flush at the end.
    private sealed class Utf8Writer(IBufferWriter<byte> target) : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => Write([value]);

        public override void Write(string? value) => Write(value.AsSpan());

        public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

        public override void Write(ReadOnlySpan<char> buffer) => Encoding.UTF8.GetBytes(buffer, target);
    }
}
