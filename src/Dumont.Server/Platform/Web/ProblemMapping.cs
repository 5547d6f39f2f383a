using System.ComponentModel;
using System.Data.Common;
using System.Text.Json;
using System.Text.RegularExpressions;
using Dumont.Providers;
using Microsoft.AspNetCore.Http.Metadata;

namespace Dumont.Server.Platform.Web;

/// <summary>Which problem an exception of the framework or of the outside world, or an empty answer, stands for.</summary>
internal static partial class ProblemMapping
{
    private static readonly TimeSpan StoreRetry = TimeSpan.FromSeconds(2);

    /// <summary>The problem of <paramref name="exception"/>, or null when it is a defect of ours.</summary>
    public static Problem? OfException(HttpContext context, Exception exception) =>
        exception switch
        {
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => Of(Problems.BodyTooLarge),
            BadHttpRequestException { StatusCode: StatusCodes.Status415UnsupportedMediaType } => Of(Problems.UnsupportedMediaType),
            BadHttpRequestException { InnerException: JsonException json } => OfJson(json),
            BadHttpRequestException bad => OfBinding(context, bad.Message),
            JsonException json when context.Request.HasJsonContentType() => OfJson(json),
            ProviderException provider => OfProvider(provider),
            DbException { IsTransient: true } or TimeoutException =>
                new Problem(Problems.Unavailable, "The database does not answer at present.", retryAfter: StoreRetry),
            _ => null,
        };

    /// <summary>What a provider's failure is for the user who made the request.</summary>
    public static Problem OfProvider(ProviderException exception) =>
        exception.Kind switch
        {
            ProviderErrorKind.Credentials => new Problem(Problems.ProviderNotConfigured, "The provider refuses the credentials that are set."),
            ProviderErrorKind.InsufficientCredit => new Problem(Problems.InsufficientCredit, "The provider account has not enough credit."),
            ProviderErrorKind.NotFound or ProviderErrorKind.Invalid or ProviderErrorKind.RateLimited or ProviderErrorKind.Transient
                or ProviderErrorKind.Protocol => new Problem(
                    Problems.ProviderUnavailable, "The provider does not answer as it should at present.", retryAfter: TimeSpan.FromSeconds(5)),
        };

    /// <summary>The problem of an answer that has a status and no body.</summary>
    public static Problem OfStatus(HttpContext context) =>
        context.Response.StatusCode switch
        {
            StatusCodes.Status401Unauthorized => Of(Problems.Unauthorized, "A valid token or API key is needed."),
            StatusCodes.Status403Forbidden => Of(Problems.Forbidden, "The API key lacks the scope that this needs."),
            StatusCodes.Status404NotFound => Of(Problems.NotFound, $"There is nothing at {context.Request.Path}."),
            StatusCodes.Status405MethodNotAllowed => Of(Problems.MethodNotAllowed, $"{context.Request.Path} does not take {context.Request.Method}."),
            StatusCodes.Status409Conflict => Of(Problems.Conflict),
            StatusCodes.Status413PayloadTooLarge => Of(Problems.BodyTooLarge),
            StatusCodes.Status415UnsupportedMediaType => Of(Problems.UnsupportedMediaType),
            StatusCodes.Status422UnprocessableEntity => Of(Problems.Validation),
            StatusCodes.Status429TooManyRequests => Of(Problems.TooManyRequests),
            StatusCodes.Status503ServiceUnavailable => Of(Problems.Unavailable),
            StatusCodes.Status400BadRequest when UnreadableQuery(context) is { } name =>
                new Problem(Problems.Validation, Problems.Validation.Title, [new FieldError(name, "The value has the wrong form.", "type_error", "query")]),
            < StatusCodes.Status500InternalServerError => Of(Problems.BadRequest),
            _ => Of(Problems.Internal),
        };

    private static Problem Of(ProblemKind kind, string? detail = null) => new(kind, detail ?? kind.Title + ".");

    // Text that is no JSON is 400; JSON of the wrong shape is 422 and names the place.
    private static Problem OfJson(JsonException exception)
    {
        if (exception.InnerException is JsonException || exception.Path is null)
        {
            return Of(Problems.MalformedBody, "The body is not valid JSON, or is nested too deeply.");
        }

        var missing = exception.Message.Contains("missing required properties", StringComparison.Ordinal)
            ? Quoted().Matches(exception.Message[exception.Message.IndexOf("including", StringComparison.Ordinal)..])
                .Select(match => new FieldError(match.Groups[1].Value, "Field required.", "missing")).ToList()
            : [];
        if (missing.Count > 0)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, missing);
        }

        var path = exception.Path is "$" ? "body" : exception.Path.TrimStart('$', '.');
        return new Problem(Problems.Validation, Problems.Validation.Title, [new FieldError(path, "The value has the wrong type or form.", "type_error")]);
    }

    // For an optional parameter that cannot be read the framework answers 400 and tells nobody which one it was.
    private static string? UnreadableQuery(HttpContext context)
    {
        foreach (var binding in context.GetEndpoint()?.Metadata.GetOrderedMetadata<IParameterBindingMetadata>() ?? [])
        {
            var name = binding.ParameterInfo.GetCustomAttributes(inherit: true).OfType<IFromQueryMetadata>().FirstOrDefault()?.Name ?? binding.Name;
            var type = Nullable.GetUnderlyingType(binding.ParameterInfo.ParameterType) ?? binding.ParameterInfo.ParameterType;
            if (context.Request.Query[name] is [{ Length: > 0 } value] && !TypeDescriptor.GetConverter(type).IsValid(value))
            {
                return name;
            }
        }

        return null;
    }

    // The framework tells which parameter it was only in its message.
    private static Problem OfBinding(HttpContext context, string message)
    {
        // "Implicit body inferred for parameter …" and "Required parameter … was not provided from body."
        if (message.Contains(" body", StringComparison.Ordinal))
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, [new FieldError("body", "A JSON object is required.", "missing")]);
        }

        if (ParameterName().Match(message) is not { Success: true } match)
        {
            return Of(Problems.BadRequest);
        }

        var name = match.Groups[1].Value;
        var snake = JsonNamingPolicy.SnakeCaseLower.ConvertName(name);
        var part = context.Request.RouteValues.ContainsKey(name) || context.Request.RouteValues.ContainsKey(snake) ? "path" : "query";
        return new Problem(
            Problems.Validation, Problems.Validation.Title, [new FieldError(snake, "The value is missing or has the wrong form.", "type_error", part)]);
    }

    [GeneratedRegex("'([^']+)'")]
    private static partial Regex Quoted();

    // "Failed to bind parameter "int? limit" from "x"." and "Required parameter "string gpus" was not provided from query string."
    [GeneratedRegex("parameter \"[^\" ]+ ([A-Za-z0-9_]+)\"")]
    private static partial Regex ParameterName();
}

/// <summary>Turns what escapes from an endpoint into a problem, and logs it once when it is ours.</summary>
internal sealed partial class ExceptionProblems(RequestDelegate next, ILogger<ExceptionProblems> logger)
{
    private const int ClientClosedRequest = 499;

    /// <summary>Runs the rest of the pipeline.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            context.Response.StatusCode = context.Response.HasStarted ? context.Response.StatusCode : ClientClosedRequest;
        }
        catch (Exception exception)
        {
            var problem = ProblemMapping.OfException(context, exception);
            if (problem is not { Kind.Status: < 500 })
            {
                RequestFailed(logger, exception, context.Request.Method, context.GetEndpoint()?.DisplayName, context.TraceIdentifier);
            }

            if (context.Response.HasStarted)
            {
                context.Abort();
                return;
            }

            ClearAnswer(context.Response);
            await Shell.Pages.WriteAsync(context, problem ?? new Problem(Problems.Internal, "The request failed by a defect of the server."));
        }
    }

    private static void ClearAnswer(HttpResponse response)
    {
        response.Headers.Remove("Content-Length");
        response.Headers.Remove("Content-Type");
        response.Headers.Remove("Location");
    }

    [LoggerMessage(LogLevel.Error, "{Method} {Endpoint} failed, request {RequestId}")]
    private static partial void RequestFailed(ILogger logger, Exception exception, string method, string? endpoint, string requestId);
}

/// <summary>Writes the framework's validation failures in our form: 422, with the names that the request used.</summary>
internal sealed class ValidationProblems : IProblemDetailsService
{
    /// <inheritdoc />
    public async ValueTask WriteAsync(ProblemDetailsContext context) => await TryWriteAsync(context);

    /// <inheritdoc />
    public async ValueTask<bool> TryWriteAsync(ProblemDetailsContext context)
    {
        var http = context.HttpContext;
        var part = http.Request.HasJsonContentType() ? "body" : "query";
        var problem = context.ProblemDetails is HttpValidationProblemDetails validation
            ? new Problem(
                Problems.Validation,
                Problems.Validation.Title,
                validation.Errors.SelectMany(field => field.Value.Select(message => new FieldError(NameOf(field.Key), message, In: part))).ToList())
            : ProblemMapping.OfStatus(http);
        await problem.ExecuteAsync(http);
        return true;
    }

    private static string NameOf(string path) => string.Join('.', path.Split('.').Select(JsonNamingPolicy.SnakeCaseLower.ConvertName));
}
