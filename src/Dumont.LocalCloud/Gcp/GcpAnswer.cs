using Dumont.LocalCloud.Http;

namespace Dumont.LocalCloud.Gcp;

/// <summary>The answer to a call that begins an operation.</summary>
internal static class GcpAnswer
{
    public static IResult Of(HttpRequest request, GcpBook book, OperationResult result)
    {
        lock (book.Gate)
        {
            return result switch
            {
                OperationResult.Begun(var operation) => new JsonAnswer(new VmJson(request, book).From(operation)),
                OperationResult.Refused(var error) => error,
                _ => throw new System.Diagnostics.UnreachableException(),
            };
        }
    }

    /// <summary>The client's id of the request, by which a repeat is known.</summary>
    /// <exception cref="BadRequestException">It is not a UUID.</exception>
    public static string? RequestId(HttpRequest request) => request.Query["requestId"].FirstOrDefault() switch
    {
        null or "" => null,
        var id when Guid.TryParse(id, out _) => id,
        var id => throw new BadRequestException($"Invalid value for field 'requestId': '{id}'. Must be a match of regex '[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}'"),
    };
}
