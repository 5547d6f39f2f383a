using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Dumont.LocalCloud.Account;

namespace Dumont.LocalCloud.Vast;

/// <summary>Lets a call through with the account's key, or with a container's key if the call is about that container alone.</summary>
internal sealed class VastAuthentication(CurrentAccount account, ContractBook book) : IEndpointFilter
{
    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var request = context.HttpContext.Request;
        if (KeyOf(request) is not { } key)
        {
            return Refuse(StatusCodes.Status403Forbidden, "This action requires login.");
        }

        if (SameKey(key, account.File.VastApiKey))
        {
            return next(context);
        }

        long? contractId;
        lock (book.Gate)
        {
            contractId = book.All.FirstOrDefault(contract => SameKey(key, contract.ApiKey))?.Id;
        }

        if (contractId is null)
        {
            return Refuse(StatusCodes.Status404NotFound, "Invalid user key");
        }

        var wanted = Convert.ToString(request.RouteValues.GetValueOrDefault("id"), CultureInfo.InvariantCulture);
        var own = wanted == contractId.Value.ToString(CultureInfo.InvariantCulture)
            && request.Path.Value!.Contains("/instances/", StringComparison.Ordinal);
        return own ? next(context) : Refuse(StatusCodes.Status403Forbidden, "This key may only manage its own instance.");
    }

    /// <summary>The key that a request carries in its header or its address.</summary>
    public static string? KeyOf(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header["Bearer ".Length..].Trim()
            : request.Query["api_key"].FirstOrDefault() is { Length: > 0 } key ? key
            : null;
    }

    private static bool SameKey(string left, string right) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(left), Encoding.UTF8.GetBytes(right));

    private static ValueTask<object?> Refuse(int status, string message) => ValueTask.FromResult<object?>(new VastProblem(status, "auth_error", message));
}
