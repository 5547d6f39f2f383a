namespace Dumont.LocalCloud.Billing;

/// <summary>Charges, invoices and the clock behind both.</summary>
internal static class BillingFeature
{
    public static void AddBilling(this IServiceCollection services, LocalCloudOptions options)
    {
        services.AddSingleton(provider => new BillingClock(options.DataFolder, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => new ChargeBook(options.DataFolder, provider.GetRequiredService<BillingClock>()));
        services.AddSingleton<BillingEndpoints>();
    }
}
